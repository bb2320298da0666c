"""How a connection begins: what is told to the peer, and what is made of what it tells."""

import struct

from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, Peer

UNREACHABLE = 3


@mutation("tcp_establish.pyx", "tcb_set_mss(tcb, path.mtu if known else", "tcb_set_mss(tcb, 1500 if known else")
@mutation("tcp_establish.pyx", "path.interface.mtu if path.interface != NULL else path.mtu", "path.mtu")
def test_what_is_known_of_the_way_out_says_nothing_of_the_way_in():
    """RFC 1191 section 3.1: the MSS tells what the link takes; one forged message would make peers' segments small."""
    peer = Peer()
    port = UdpEndpoint(peer.stack)
    port.send(bytes(1400), (PEER, 9))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, 4, mtu=900)
    peer.listen()
    answer = peer.open()
    assert struct.unpack("!H", answer.options[2]) == (1460,)
    server = peer.listener.accept()
    assert (server.facts["mss"], server.facts["cwnd"]) == (860, 8600)
    server.send(bytes(3000))
    peer.let_go()
    assert len(peer.hear().ip) == 900
