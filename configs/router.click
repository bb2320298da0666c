// An IPv4 router with two interfaces (RFC 1812): ARP, options, TTL, fragmentation, redirects, ICMP errors
// with a rate limit. Run it with `netos run configs/router.click`, see it work with `netos lab configs/router.click`.
//
// Every $name can be given on the command line: netos run configs/router.click DEV0=tap5 ADDR0=10.9.0.1/24
// More interfaces: declare one more, with a colour of its own, and give it its routes.

define($DEV0 tap0, $ADDR0 10.0.1.1/24, $ETH0 02:00:00:00:01:01,
       $DEV1 tap1, $ADDR1 10.0.2.1/24, $ETH1 02:00:00:00:02:01,
       $MTU 1500, $QUEUE 1000,
       $OFFLOAD true,  // let segmentation packets of up to 64 KiB cross as one
       $ERRORS 1000)    // ICMP errors a second, at most, from each place that makes them

AddressInfo(net0 $ADDR0 $ETH0, net1 $ADDR1 $ETH1);

// One interface. Input: IP packets to send, the next hop in their destination annotation.
// Output 0: IP packets received, checked and painted. Output 1: ICMP errors, to be routed.
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
             -> check :: CheckIPHeader(INTERFACES $ADDR0 $ADDR1)
             -> [0] output;

    input -> DropBroadcasts
          -> same :: PaintTee($color)
          -> options :: IPGWOptions($net)
          -> FixIPSrc($net)
          -> ttl :: DecIPTTL
          -> fit :: IPFragmenter($MTU)
          -> [0] arp;
    same[1]    -> redirect :: ICMPError($net, redirect, host, RATE $ERRORS) -> [1] output;
    options[1] -> problem :: ICMPError($net, parameterproblem, RATE $ERRORS) -> [1] output;
    ttl[1]     -> expired :: ICMPError($net, timeexceeded, RATE $ERRORS) -> [1] output;
    fit[1]     -> toobig :: ICMPError($net, unreachable, needfrag, PMTU $MTU, RATE $ERRORS) -> [1] output;
}

if0 :: Interface(DEVICE $DEV0, NET net0, COLOR 1);
if1 :: Interface(DEVICE $DEV1, NET net1, COLOR 2);

routes :: RadixIPLookup(net0:ip 0, net0:bcast 3, net0:ipnet 1,
                        net1:ip 0, net1:bcast 3, net1:ipnet 2,
                        255.255.255.255/32 3, 224.0.0.0/4 3,
                        0.0.0.0/0 4);

if0[0] -> routes;
if1[0] -> routes;
if0[1] -> routes;
if1[1] -> routes;

// To the router itself: it answers pings, and refuses the rest as a host must (RFC 1122).
routes[0] -> mine :: IPFilter(0 icmp type echo, drop icmp, 1 udp or tcp, 2 all);
mine[0] -> ICMPPingResponder -> Paint(0) -> routes;     // of no interface: no redirects about its own answers
mine[1] -> noport :: ICMPError(net0, unreachable, port, RATE $ERRORS) -> routes;
mine[2] -> noproto :: ICMPError(net0, unreachable, protocol, RATE $ERRORS) -> routes;

routes[1] -> if0;
routes[2] -> if1;
routes[3] -> broadcasts :: IPFilter(drop all);     // directed broadcasts are not forwarded (RFC 2644), nor is multicast
routes[4] -> noroute :: ICMPError(net0, unreachable, net, RATE $ERRORS) -> routes;
