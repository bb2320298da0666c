"""Connections that were silent for long: what is sent then is new, not late (RFC 9293 section 3.8, RFC 5681 4.1)."""

import errno

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import NAME, STACK, Peer

LONG = 300                              # seconds: more than the user timeout


@mutation("tcp_output.pyx",
          "        tcb.progress_at = tcp.host.now                      # it is from here",
          "        pass                                                # it is from here")
@pytest.mark.parametrize("closing", [False, True])
def test_one_lost_probe_of_a_window_is_not_the_end(closing):
    """The peer was silent because nothing was asked of it: the user timeout counts from the first probe."""
    peer = Peer()
    server = peer.accepted(window=0)
    start = peer.heard
    peer.wait(LONG)
    server.send(b"waiting")
    if closing:
        server.close()
    peer.wait(3)
    assert len(peer.drain()) >= 2
    peer.send(b"", "A", ack=start, window=1000)
    assert peer.hear().data == b"waiting"


def test_a_lost_tail_of_a_corked_connection_is_sent_again():
    """It leaves by the timer that probes windows; that the window is open makes no difference."""
    peer = Peer()
    server = peer.accepted()
    peer.wait(LONG)
    server.corked = True
    server.send(b"tail")
    peer.wait(3)
    assert [heard.data for heard in peer.drain()[:2]] == [b"tail", b"tail"]
    assert server.state == "ESTABLISHED"


@mutation("tcp_output.pyx",
          "            tcb.progress_at = tcp.host.now                  # the user",
          "            pass                                            # the user")
@mutation("tcp_block.pxd",
          "            or (tcb.bits & TCB_FIN_WANTED != 0 and not tcb.bits & TCB_FIN_SENT))",
          "            or 0)",
          unit="tcp_output.pyx")
@pytest.mark.parametrize("data", [b"data", b""])
def test_a_route_that_is_gone_for_a_second_ends_nothing(data):
    """An address is renewed, a cable is pulled: data, or a FIN alone, goes when there is a way again."""
    peer = Peer()
    server = peer.accepted()
    peer.wait(LONG)
    peer.stack.set_addresses(NAME, [])
    if data:
        server.send(data)
    server.shutdown()
    peer.wait(1)
    peer.stack.set_addresses(NAME, [f"{STACK}/24"])
    peer.wait(5)
    assert server.state == "FIN-WAIT-1"
    assert [heard.data for heard in peer.drain() if "F" in heard.flags][:1] == [data]


@mutation("tcp_output.pyx", "        tcb.congestion.idle(tcb)\n", "        pass\n")
def test_after_silence_the_window_is_the_first_again():
    """RFC 5681 section 4.1: what the path took a minute ago says nothing; a burst of a whole window may be lost."""
    peer = Peer()
    server = peer.accepted(scale=7)
    server.send(bytes(100 * 1460))
    while server.unsent:
        peer.let_go()
        for heard in peer.drain():
            peer.send(b"", "A", ack=heard.end)
    assert server.facts["cwnd"] > 40 * 1460
    peer.wait(0.1)
    server.send(bytes(30 * 1460))
    peer.let_go()
    sent = peer.drain()
    assert len(sent) == 30, "a moment is no silence"
    peer.send(b"", "A", ack=sent[-1].end)
    peer.wait(60)
    server.send(bytes(100 * 1460))
    peer.let_go()
    assert len(peer.drain()) == 10


@mutation("tcp_output.pyx",
          "if tcb_unfinished(tcb) and not tcb.deadline[TIMER_RETRANSMIT] and not tcb.deadline[TIMER_PERSIST]:\n",
          "if tcb_unfinished(tcb) and not tcb.deadline[TIMER_RETRANSMIT]:\n")
@pytest.mark.parametrize("closing", [False, True])
def test_a_closed_window_without_a_route_is_the_end(closing):
    """A probe that finds no route is no news of the peer; taken for it, the connection stayed for ever, probing on."""
    peer = Peer()
    server = peer.accepted(window=0)
    start = peer.heard
    server.send(b"data")
    for _ in range(20):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A", ack=start, window=0)
    if closing:
        server.close()
    peer.stack.set_addresses(NAME, [])
    peer.wait(LONG)
    assert peer.stack.tcp_count[0] == (0 if closing else 1)
    assert closing or server.error == errno.ETIMEDOUT
    assert peer.stack.counters["tcp_probes"] < 20
