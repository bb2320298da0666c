// A transparent limiter between two cables (a bridge of two ports): each source may send $RATE packets a second, begin
// $SYNRATE TCP connections a second, and those on a list nothing at all. Run it with `netos run configs/rate-limit.click`.
//
// Every $name can be given on the command line: netos run configs/rate-limit.click RATE=5000 BLOCKED='file "/etc/bad"'

define($DEV0 tap0, $DEV1 tap1,
       $RATE 1000, $BURST 1000,         // packets of each source
       $SYNRATE 20,                     // handshakes begun by each source
       $TARGETRATE 1000,                // handshakes begun with each destination
       $CAPACITY 65536,                 // sources remembered
       $BLOCKED 192.0.2.66/32,          // arguments of an AddressSet
       $QUEUE 1000, $OFFLOAD true)

// From one cable to the other. What is not IP passes.
elementclass Limiter { FROM $from, TO $to |
    FromDevice($from, OFFLOAD $OFFLOAD) -> kinds :: Classifier(12/0800, -);
    queue :: Queue($QUEUE) -> ToDevice($to);
    kinds[0] -> CheckIPHeader(14) -> blocked :: AddressSet($BLOCKED);
    blocked[0] -> refused :: IPFilter(drop all);
    blocked[1] -> packets :: RateLimit($RATE, $BURST, CAPACITY $CAPACITY)
               -> what :: IPClassifier(tcp and tcp[13] & 18 = 2, -);
    what[0] -> syns :: RateLimit($SYNRATE, CAPACITY $CAPACITY)
            -> targets :: RateLimit($TARGETRATE, BY dst, CAPACITY $CAPACITY) -> queue;
    what[1] -> queue;
    kinds[1] -> queue;
}

there :: Limiter(FROM $DEV0, TO $DEV1);
back :: Limiter(FROM $DEV1, TO $DEV0);
