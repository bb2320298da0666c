// A stateful firewall between two networks: what the inside begins may pass, what the outside begins may not, unless a
// rule says so; refused attempts are logged. Run it with `netos run configs/firewall.click`.
//
// Every $name can be given on the command line: netos run configs/firewall.click ALLOW='dst host 10.0.1.9 and tcp dst port 22'

define($DEV0 tap0, $ADDR0 10.0.1.1/24, $ETH0 02:00:00:00:01:01,     // inside
       $DEV1 tap1, $ADDR1 10.0.2.1/24, $ETH1 02:00:00:00:02:01,     // outside
       $ALLOW dst host 10.0.1.80 and tcp dst port 80 or 443,        // what the outside may begin
       $PROTECT false,                                              // and what of that only behind SYN cookies: SynProxy
       $FLOWS 65536,        // connections, at most
       $HALFOPEN 8192,      // TCP handshakes under way, at most
       $HALFOPENEACH 4096,  // with one address
       $NEWRATE 1000,       // connections a second that one outside address may begin
       $FRAGMENTS 4194304,  // bytes of fragments that wait for others, on each side
       $LOGRATE 10,         // lines of log a second
       $MTU 1500, $QUEUE 1000, $ERRORS 1000, $OFFLOAD true)

AddressInfo(net0 $ADDR0 $ETH0, net1 $ADDR1 $ETH1);

// One interface. Input: IP packets to send, the next hop in their destination annotation.
// Output 0: IP packets received and checked. Output 1: ICMP errors, to be routed.
elementclass Interface { DEVICE $device, NET $net, COLOR $color |
    from :: FromDevice($device, OFFLOAD $OFFLOAD);
    queue :: Queue($QUEUE) -> to :: ToDevice($device);
    arp :: ARPQuerier($net) -> queue;

    from -> HostEtherFilter($net, DROP_OWN true)
         -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);    // what else there is, is dropped
    kinds[0] -> ARPResponder($net) -> queue;
    kinds[1] -> [1] arp;
    kinds[2] -> Paint($color)
             -> Strip(14)
             -> CheckIPHeader(INTERFACES $ADDR0 $ADDR1)
             -> whole :: IPReassembler(HIMEM $FRAGMENTS)    // fragments have no ports that rules could ask for
             -> [0] output;
    whole[1] -> ICMPError($net, timeexceeded, reassembly, RATE $ERRORS) -> [1] output;

    input -> DropBroadcasts
          -> options :: IPGWOptions($net)
          -> FixIPSrc($net)
          -> ttl :: DecIPTTL
          -> fit :: IPFragmenter($MTU)
          -> [0] arp;
    options[1] -> ICMPError($net, parameterproblem, RATE $ERRORS) -> [1] output;
    ttl[1]     -> ICMPError($net, timeexceeded, RATE $ERRORS) -> [1] output;
    fit[1]     -> ICMPError($net, unreachable, needfrag, PMTU $MTU, RATE $ERRORS) -> [1] output;
}

inside :: Interface(DEVICE $DEV0, NET net0, COLOR 1);
outside :: Interface(DEVICE $DEV1, NET net1, COLOR 2);

// Packets with a source address of the other side are lies (RFC 2827).
inside  -> from_inside :: IPFilter(allow src net $ADDR0, drop all) -> track :: ConnTrack($FLOWS, HALF_OPEN $HALFOPEN,
                                                                                           HALF_OPEN_EACH $HALFOPENEACH);
outside -> from_outside :: IPFilter(drop src net $ADDR0, allow all)
        -> protect :: IPClassifier(tcp and ($PROTECT), -)
        -> syns :: SynProxy(STRICT false)       // what is older than a reload is for ConnTrack to know
        -> track;
protect[1] -> track;
track -> side :: PaintSwitch;
side[0] -> unpainted :: IPFilter(drop all);     // every packet has the colour of its side

// The rules. Output 0: allowed. Output 1: refused.
side[1] -> rules_inside :: IPFilter(0 state established or related,
                                    drop state invalid,
                                    0 state new);
side[2] -> rules_outside :: IPFilter(0 state established or related,
                                     drop state invalid,
                                     2 state new and ($ALLOW),
                                     2 state new and dst host net1:ip and icmp type echo,
                                     1 state new);
rules_outside[2] -> begin :: RateLimit($NEWRATE) -> allowed :: ConnTrackConfirm(track);
rules_inside -> allowed;
rules_outside[0] -> allowed;
rules_outside[1] -> log :: RateLimit($LOGRATE, BY all) -> IPPrint("refused") -> refused :: IPFilter(drop all);
log[1] -> refused;

allowed -> routes :: RadixIPLookup(net0:ip 0, net0:bcast 3, net0:ipnet 1,
                                   net1:ip 0, net1:bcast 3, net1:ipnet 2,
                                   255.255.255.255/32 3, 224.0.0.0/4 3,
                                   0.0.0.0/0 4);
inside[1] -> routes;
outside[1] -> routes;
routes[0] -> mine :: IPFilter(allow icmp type echo, drop all) -> ICMPPingResponder -> routes;
routes[1] -> inside;
routes[2] -> [1] syns;
syns[1] -> outside;
syns[2] -> routes;
routes[3] -> broadcasts :: IPFilter(drop all);
routes[4] -> ICMPError(net0, unreachable, net, RATE $ERRORS) -> routes;
