"""Explicit congestion notification, and the rules that its sender keeps (RFC 3168 section 6.1)."""

from netos.proto.endpoints import TcpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, Peer


def sender(**options):
    """A connection with ECN on which the stack has sent its first window; the segments."""
    peer = Peer()
    server = peer.accepted(flags="SEC", scale=7, **options)
    server.send(bytes(200 * 1460))
    peer.let_go()
    return peer, server, peer.drain()


@mutation("tcp_passive.pyx", "TCP_SYN | TCP_ACK | (TCP_ECE if offer.ecn else 0)", "TCP_SYN | TCP_ACK")
@mutation("tcp_input.pyx", "            tcb.bits |= TCB_ECE_PENDING | TCB_ACK_NOW\n", "            pass\n")
def test_explicit_congestion_notification():
    """RFC 3168: negotiated, marks echoed until CWR, echoes answered by half the window, once, and CWR."""
    peer = Peer()
    server = peer.accepted(flags="SEC")
    assert server.facts["ecn"]
    peer.send(b"marked", "PA", tos=3)
    peer.expect("AE")
    peer.send(b"more", "PA", tos=2)
    peer.wait(0.1)
    peer.expect("AE")
    peer.send(b"reduced", "PAC", tos=2)
    peer.wait(0.1)
    peer.expect("A")
    server.send(bytes(20 * 1460))
    peer.let_go()
    sent = peer.drain()
    assert {heard.tos & 3 for heard in sent} == {2}
    peer.send(b"", "AE", ack=sent[0].end)
    peer.send(b"", "AE", ack=sent[1].end)
    assert server.facts["cwnd"] == 10 * 1460 // 2
    for heard in sent[2:]:
        peer.send(b"", "A", ack=heard.end)
    assert peer.hear().flags in ("AC", "PAC")


def test_without_ecn_in_the_syn_marks_mean_nothing():
    """RFC 3168: neither echoed nor set."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"marked", "PA", tos=3)
    server.send(b"x")
    peer.let_go()
    assert peer.expect("PA").tos == 0


@mutation("tcp_emit.pyx", "        if length and at == tcb.snd_max and not", "        if length and not")
def test_a_retransmission_is_not_ecn_capable_and_tells_of_no_reduction():
    """Sections 6.1.2 and 6.1.5: CWR belongs to the first new data, or the peer would not hear it when it is lost."""
    peer, _server, sent = sender()
    peer.send(b"", "AE", ack=sent[0].end)
    peer.wait(0.5)
    assert [(heard.flags, heard.tos & 3) for heard in peer.drain()] == [("A", 0)]
    peer.send(b"", "A", ack=sent[-1].end)
    assert [(heard.flags, heard.tos & 3) for heard in peer.drain()] == [("AC", 2), ("A", 2)]


@mutation("tcp_emit.pyx", " and not tcb.deadline[TIMER_PERSIST]:", ":")
def test_a_probe_of_a_window_is_not_ecn_capable():
    """Section 6.1.6: a mark on it would be lost with the byte that the peer refuses."""
    peer = Peer()
    server = peer.accepted(flags="SEC", window=0)
    server.send(b"data")
    peer.wait(0.4)
    assert [heard.tos & 3 for heard in peer.drain()] == [0]
    peer.send(b"", "A", ack=peer.heard, window=1000)
    peer.drain()
    peer.send(b"", "A", ack=peer.heard + 4, window=1000)
    server.send(b"more")
    peer.let_go()
    assert peer.hear().tos & 3 == 2


@mutation("tcp_ack.pyx", "TCB_RECOVERY | (TCB_CWR_PENDING if tcb.bits & TCB_ECN else 0)", "TCB_RECOVERY")
def test_fast_recovery_tells_of_its_reduction_too():
    """Section 6.1.2: for any reason; a peer that goes on echoing would halve the window a second time."""
    peer, _server, sent = sender()
    for _ in range(3):
        peer.send(b"", "A", ack=sent[0].seq)
    new = [heard for heard in peer.drain() if heard.seq != sent[0].seq]
    peer.send(b"", "A", ack=new[-1].end)
    assert peer.hear().flags == "AC"


@mutation("tcp_timers.pyx", "            tcb.bits |= TCB_CWR_PENDING  ", "            tcb.bits |= 0  ")
def test_a_timeout_tells_of_its_reduction_too():
    """Section 6.1.2."""
    peer, _server, sent = sender()
    peer.wait(0.3)
    peer.drain()
    peer.send(b"", "A", ack=sent[-1].end)
    assert peer.hear().flags == "AC"


@mutation("tcp_input.pyx", "tcb.tcp.ecn and tcb.backoff < 2 and good\n", "tcb.tcp.ecn and good\n")
def test_whoever_has_sent_a_syn_without_ecn_does_not_use_it():
    """Section 6.1.1: nobody knows which SYN was answered; marks that the peer does not expect would not be echoed."""
    peer = Peer(ecn=True)
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.wait(4)
    syns = peer.drain()
    assert [heard.flags for heard in syns] == ["SEC", "SEC", "S"]
    peer.port, peer.stack_port, peer.heard, peer.next = 80, client.local[1], syns[0].end, 9
    peer.send(b"", "SAE")
    assert client.state == "ESTABLISHED"
    assert not client.facts["ecn"]
