"""What segments bring: a FIN before its turn, data for nobody."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer


@mutation("tcp_input.pyx", "    if cut.flags & TCP_FIN or tcb.bits & TCB_FIN_AHEAD:\n", "    if cut.flags & TCP_FIN:\n")
@pytest.mark.parametrize("data", [b"", b"world"])
def test_a_fin_before_its_turn_is_kept(data):
    """RFC 9293 section 3.10.7.4 (SHLD-31): a peer without SACK of its FIN would send it again a timeout later."""
    peer = Peer()
    server = peer.accepted(sack=True)
    peer.send(data, "FPA", seq=peer.next + 5)
    peer.expect("A", ack=peer.next)
    assert not server.finished
    peer.send(b"hello", "PA")
    peer.expect("A", ack=peer.next + len(data) + 1)
    assert (server.state, server.receive(100), server.finished) == ("CLOSE-WAIT", b"hello" + data, True)


@mutation("tcp_data.pyx", "    if tcb.rcv_fin != tcb.rcv_nxt:\n", "    if 0:\n")
def test_a_fin_that_the_peer_goes_on_behind_is_forgotten():
    """It lies: the stream goes on, and where the FIN was is not met again 4 GiB later; a later FIN counts."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "FA", seq=peer.next + 3)
    peer.send(b"hello", "PA")
    assert server.state == "ESTABLISHED"
    peer.send(b"", "FA")
    assert (server.state, server.receive(100)) == ("CLOSE-WAIT", b"hello")


def test_a_fin_that_comes_again_while_it_waits():
    """Twice before its turn, once more after it: one end of the stream, each acknowledged at once."""
    peer = Peer()
    server = peer.accepted()
    for _ in range(2):
        peer.send(b"lo", "FA", seq=peer.next + 3)
        peer.expect("A", ack=peer.next)
    peer.send(b"hel", "A")
    peer.expect("A", ack=peer.next + 3)
    peer.send(b"lo", "FA", seq=peer.next)
    peer.expect("A", ack=peer.next + 3)
    assert (server.state, server.receive(100)) == ("CLOSE-WAIT", b"hello")


@mutation("tcp_data.pyx", "tcp_bare_place(tcb), tcb.rcv_nxt, TCP_RST", "tcb.snd_max, tcb.rcv_nxt, TCP_RST")
def test_data_for_nobody_is_reset_where_the_peer_takes_it():
    """RFC 5961 section 3: only a RST at the peer's RCV.NXT counts at once; a probe of its window has got past that."""
    peer = Peer()
    server = peer.accepted(window=0)
    start = peer.heard
    server.send(b"probed")
    peer.let_go()
    peer.wait(1)
    assert peer.drain()[0].data == b"p"
    server.close()
    peer.drain()
    peer.send(b"anyone?", "PA", ack=start, window=0)
    peer.expect("RA", seq=start, ack=peer.next - 7)
