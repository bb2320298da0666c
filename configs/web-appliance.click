// A web server that is its own firewall: netos's protocol stack behind rules that let pings and the web in, and nothing
// else. What listens is either the element below, files beneath a folder:
//
//   netos run configs/web-appliance.click FILES=true ROOT=/var/www/html
//
// or any asyncio program, such as an aiohttp one, on the same stack behind the same rules:
//
//   netos exec --config configs/web-appliance.click -- python app.py
//
// Every $name can be given on the command line.

define($DEV tap0, $ADDR 10.0.0.2/24, $ETH 02:00:00:00:00:02, $GATEWAY 10.0.0.1,
       $ALLOW tcp dst port 80 or 443,   // what strangers may begin, besides pings
       $FILES false, $ROOT /var/www/html, $PORT 80,
       $FLOWS 65536,        // connections, at most
       $HALFOPEN 8192,      // TCP handshakes under way, at most
       $NEWRATE 1000,       // connections a second that one address may begin
       $FRAGMENTS 4194304,  // bytes of fragments that wait for others
       $LOGRATE 10,         // lines of log a second
       $MTU 1500, $QUEUE 1000, $OFFLOAD true)

AddressInfo(me $ADDR $ETH);

host :: HostStack($ADDR, ETHER $ETH, GATEWAY $GATEWAY, MTU $MTU, OFFLOAD $OFFLOAD);
web :: HttpFileServer($ROOT, $PORT, ACTIVE $FILES);

// From the network: ARP is the host's affair, IP has to pass the rules.
FromDevice($DEV, OFFLOAD $OFFLOAD)
    -> HostEtherFilter(me, DROP_OWN true)
    -> kinds :: Classifier(12/0806, 12/0800);       // what else there is, is dropped
kinds[0] -> host;
kinds[1] -> Strip(14)
         -> CheckIPHeader(INTERFACES $ADDR)
         -> IPReassembler(HIMEM $FRAGMENTS)         // fragments have no ports that rules could ask for
         -> Paint(1)
         -> track :: ConnTrack($FLOWS, HALF_OPEN $HALFOPEN);

// From the host: all it sends may leave, and is remembered, so that the answers may come in.
host -> Unqueue(32) -> leaving :: Classifier(12/0800, -);
leaving[0] -> MarkIPHeader(14) -> Paint(2) -> track;
leaving[1] -> queue :: Queue($QUEUE) -> ToDevice($DEV);

track -> side :: PaintSwitch;
side[0] -> unpainted :: IPFilter(drop all);     // every packet has the colour of its side
side[1] -> rules :: IPFilter(0 state established or related,
                             drop state invalid,
                             1 dst host me:ip and ($ALLOW),
                             1 dst host me:ip and icmp type echo,
                             2 all);
side[2] -> ConnTrackConfirm(track) -> queue;

rules[1] -> begin :: RateLimit($NEWRATE) -> allowed :: ConnTrackConfirm(track);
rules[0] -> allowed -> EtherEncap(0x0800, $ETH, $ETH) -> host;
rules[2] -> log :: RateLimit($LOGRATE, BY all) -> IPPrint("refused") -> refused :: IPFilter(drop all);
log[1] -> refused;
