// A gateway that lets a private network share one public address: masquerading, port forwarding, and a stateful filter.
// Run it with `netos run configs/nat-gateway.click`.
//
// Every $name can be given on the command line, such as
//   netos run configs/nat-gateway.click FORWARD='tcp 192.0.2.1:2222 10.0.1.9:22'

define($DEV0 tap0, $ADDR0 10.0.1.1/24, $ETH0 02:00:00:00:01:01,     // inside
       $DEV1 tap1, $ADDR1 192.0.2.1/24, $ETH1 02:00:00:00:02:01,    // outside
       $GATEWAY 192.0.2.254,                                        // where the world begins
       $FORWARD tcp 192.0.2.1:8080 10.0.1.80:80,
       $PORTS 1024-65535,   // that connections leave from
       $FLOWS 65536, $HALFOPEN 8192, $HALFOPENEACH 4096, $FRAGMENTS 4194304,
       $MTU 1500, $QUEUE 1000, $ERRORS 1000, $OFFLOAD true)

AddressInfo(net0 $ADDR0 $ETH0, net1 $ADDR1 $ETH1);

// One interface. Input: IP packets to send, the next hop in their destination annotation.
// Output 0: IP packets received and checked, their TTL lowered: an error about them quotes them as they came, before any
// translation. Output 1: ICMP errors, to be routed.
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
             -> whole :: IPReassembler(HIMEM $FRAGMENTS)    // fragments have no ports to translate
             -> here :: IPClassifier(dst host net0:ip and icmp, -);
    whole[1] -> ICMPError($net, timeexceeded, reassembly, RATE $ERRORS) -> [1] output;
    here[0] -> [0] output;
    here[1] -> ttl :: DecIPTTL -> [0] output;
    ttl[1] -> ICMPError($net, timeexceeded, RATE $ERRORS) -> [1] output;

    input -> DropBroadcasts
          -> fit :: IPFragmenter($MTU)
          -> [0] arp;
    fit[1] -> ICMPError($net, unreachable, needfrag, PMTU $MTU, RATE $ERRORS) -> [1] output;
}

inside :: Interface(DEVICE $DEV0, NET net0, COLOR 1);
outside :: Interface(DEVICE $DEV1, NET net1, COLOR 2);

inside  -> track :: ConnTrack($FLOWS, HALF_OPEN $HALFOPEN, HALF_OPEN_EACH $HALFOPENEACH);
outside -> spoofed :: IPFilter(drop src net $ADDR0 or dst net $ADDR0, allow all)      // private addresses are lies here
        -> track;

// What arrives gets the destination that it is really for: of port forwarding, or of a masqueraded connection.
track -> real :: DestinationNat(track, FORWARD $FORWARD) -> side :: PaintSwitch;
side[0] -> unpainted :: IPFilter(drop all);     // every packet has the colour of its side
side[1] -> from_inside :: IPFilter(drop state invalid, allow all);
side[2] -> from_outside :: IPFilter(allow state established or related,
                                    allow state new and dst net $ADDR0,     // forwarded: others cannot name it
                                    allow state new and dst host net1:ip and icmp type echo,
                                    drop all);
from_inside -> allowed :: ConnTrackConfirm(track);
from_outside -> allowed;

allowed -> routes :: RadixIPLookup(net0:ip 0, net0:bcast 3, net0:ipnet 1,
                                   net1:ip 0, net1:bcast 3, net1:ipnet 2,
                                   255.255.255.255/32 3, 224.0.0.0/4 3,
                                   0.0.0.0/0 $GATEWAY 2);
inside[1] -> routes;
outside[1] -> routes;
routes[0] -> mine :: IPFilter(allow icmp type echo, drop all) -> ICMPPingResponder -> routes;
routes[1] -> FixIPSrc(net0)
          -> inward :: SourceNat(track, net0:ip, SOURCES $ADDR0)    // from inside by way of a forwarded port
          -> inside;
routes[2] -> FixIPSrc(net1) -> masquerade :: SourceNat(track, net1:ip, SOURCES $ADDR0, PORTS $PORTS) -> outside;
routes[3] -> broadcasts :: IPFilter(drop all);
