// A host that answers ARP and ping, and nothing else.

define($DEV tap0, $ADDR 10.0.1.1, $ETH 02:00:00:00:01:01)

queue :: Queue(1000) -> ToDevice($DEV);

FromDevice($DEV)
    -> HostEtherFilter($ETH)
    -> kinds :: Classifier(12/0806 20/0001, 12/0800);      // what else there is, is dropped
kinds[0] -> ARPResponder($ADDR $ETH) -> queue;
kinds[1] -> Strip(14)
         -> CheckIPHeader
         -> mine :: IPFilter(allow dst host $ADDR and icmp type echo, drop all)
         -> ICMPPingResponder
         -> Unstrip(14)
         -> EtherMirror
         -> queue;
