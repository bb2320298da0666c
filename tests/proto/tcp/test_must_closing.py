"""RFC 9293's MUSTs on closing, and every state between: what breaks is data lost at the end, or blocks that stay."""

import errno

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer, timestamps


def closed_by_us(peer, **options):
    """A connection that the stack has closed first and the peer then: TIME-WAIT."""
    server = peer.accepted(**options)
    server.shutdown()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"", "A")
    assert server.state == "FIN-WAIT-2"
    peer.send(b"", "FA")
    peer.expect("A", ack=peer.next)
    assert server.state == "TIME-WAIT"
    return server


@mutation("tcp_input.pyx", "    tcb_end(tcb, ECONNREFUSED if refused else EPIPE if half_closed else ECONNRESET)\n",
          "    tcb_end(tcb, 0)\n")
@pytest.mark.parametrize("closing", [False, True])
def test_must_12_an_abort_is_not_taken_for_a_good_end(closing):
    """MUST-12: the user learns whether the peer closed or aborted, in any state."""
    peer = Peer()
    server = peer.accepted()
    if closing:
        server.shutdown()
        peer.let_go()
        peer.expect("FA")
    peer.send(b"", "RA")
    assert (server.state, server.error, server.finished) == ("CLOSED", errno.ECONNRESET, False)
    assert (server, 16) in [(owner, events & 16) for owner, events in peer.stack.events()]


def test_a_reset_behind_the_peers_end_is_a_broken_pipe():
    """In CLOSE-WAIT all that it sent has come, and only ours is lost: EPIPE, as tcp_reset() of Linux has it."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"all of it", "FPA")
    peer.expect("A")
    peer.send(b"", "RA")
    assert (server.state, server.error) == ("CLOSED", errno.EPIPE)
    assert (server.receive(), server.finished) == (b"all of it", True)
    with pytest.raises(BrokenPipeError):
        server.send(b"x")


@mutation("tcp_time_wait.pyx",
          "    tcp_insert(tcp, &wait.connection)\n"
          "    deadline_set(&tcp.host.deadlines, &wait.timer, tcp.host.now + 2 * tcp.msl)",
          "    tcp_insert(tcp, &wait.connection)\n"
          "    deadline_set(&tcp.host.deadlines, &wait.timer, tcp.host.now + tcp.msl // 2)")
def test_must_13_time_wait_lasts_for_two_segment_lifetimes():
    """MUST-13: a minute, counted anew by each FIN that comes again, which is answered."""
    peer = Peer()
    closed_by_us(peer)
    peer.wait(59)
    assert peer.stack.tcp_count[2] == 1
    peer.send(b"", "FA", seq=peer.next - 1)
    peer.expect("A", ack=peer.next)
    peer.wait(59)
    assert peer.stack.tcp_count[2] == 1
    peer.wait(2)
    assert peer.stack.tcp_count[2] == 0
    peer.send(b"", "A")
    peer.expect("R")


@mutation("tcp_time_wait.pyx",
          "        return                          # RFC 1337",
          "        time_wait_end(wait)\n        return                          # RFC 1337")
def test_a_reset_does_not_cut_time_wait_short():
    """RFC 1337: or old duplicates could reach a new connection."""
    peer = Peer()
    closed_by_us(peer)
    peer.send(b"", "R")
    assert peer.stack.tcp_count[2] == 1
    peer.silence()


@mutation("tcp_time_wait.pyx",
          "        newer = sequence_before(wait.ts_recent, segment.ts_value)\n",
          "        newer = 0\n")
@mutation("tcp_time_wait.pyx",
          "    cdef bint newer = sequence_before(wait.rcv_nxt, segment.sequence) or",
          "    cdef bint newer = sequence_before(segment.sequence, wait.rcv_nxt) or")
@pytest.mark.parametrize(("before", "offset", "after", "reused"), [
    (None, 10, None, True), (None, -10, None, False),           # by sequence number
    (100, -10, 101, True), (100, 10, 99, False),                # by timestamp
    (100, 10, 100, True), (100, -10, 100, False),               # the same timestamp: by sequence number
    (100, 10, None, True), (100, -10, None, False), (None, -10, 5, True),
])
def test_time_wait_makes_way_for_a_new_connection(before, offset, after, reused):
    """RFC 6191, MAY-2: for a SYN that is newer by timestamp or sequence number, not for an old duplicate."""
    peer = Peer()
    server = closed_by_us(peer, timestamp=before)
    server.close()
    peer.send(b"", "S", seq=peer.next + offset, options=b"" if after is None else timestamps(after, 0))
    assert peer.drain()[-1].flags == ("SA" if reused else "A")
    assert peer.stack.tcp_count == ((0, 1, 0) if reused else (0, 0, 1))


def test_every_way_to_the_end_frees_the_connection():
    """FIN-WAIT, CLOSING, LAST-ACK: the state after each segment, and nothing is left but TIME-WAIT."""
    peer = Peer()                               # the peer closes first: CLOSE-WAIT, LAST-ACK
    server = peer.accepted()
    peer.send(b"bye", "FPA")
    peer.wait(1)
    assert (server.state, server.finished) == ("CLOSE-WAIT", True)
    peer.expect("A", ack=peer.next)
    assert server.receive() == b"bye"
    server.send(b"and you")
    peer.let_go()
    peer.expect("PA", b"and you")
    peer.send(b"", "A")
    server.close()
    peer.let_go()
    peer.expect("FA")
    assert peer.stack.tcp_count == (1, 0, 0)
    peer.send(b"", "A")
    peer.wait(0.001)
    assert peer.stack.tcp_count == (0, 0, 0)


@mutation("tcp_state.pyx",
          "    (\"FIN-WAIT-1\", \"receive FIN\", \"CLOSING\"),\n",
          "    (\"FIN-WAIT-1\", \"receive FIN\", \"TIME-WAIT\"),\n")
def test_both_close_at_once():
    """CLOSING: FINs cross; TIME-WAIT only when ours is acknowledged, too."""
    peer = Peer()
    server = peer.accepted()
    server.shutdown()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"", "FA", ack=peer.heard - 1)
    assert server.state == "CLOSING"
    peer.expect("A", ack=peer.next)
    peer.send(b"", "A")
    assert server.state == "TIME-WAIT"


def test_a_fin_that_acknowledges_ours_goes_straight_to_time_wait():
    """FIN,ACK in FIN-WAIT-1: one segment, two steps."""
    peer = Peer()
    server = peer.accepted()
    server.shutdown()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"", "FA")
    peer.expect("A", ack=peer.next)
    assert server.state == "TIME-WAIT"


def test_half_close_still_receives():
    """FIN-WAIT-2: what the peer sends after our FIN is taken and acknowledged."""
    peer = Peer()
    server = peer.accepted()
    server.shutdown()
    peer.let_go()
    peer.expect("FA")
    for number in range(100):
        peer.send(bytes([number]) * 1000, "PA")
        assert server.receive() == bytes([number]) * 1000
    peer.wait(1)
    assert peer.drain()[-1].ack == peer.next
    with pytest.raises(BrokenPipeError):
        server.send(b"x")


@mutation("tcp_data.pyx",
          "    if tcb.bits & (TCB_ORPHAN | TCB_READ_CLOSED):\n        abandon(tcb)\n        return 0\n",
          "    if tcb.bits & (TCB_ORPHAN | TCB_READ_CLOSED):\n        return 1\n")
def test_data_for_a_user_who_has_closed_is_answered_with_a_reset():
    """RFC 2525 section 2.17: the peer must know that it was lost."""
    peer = Peer()
    server = peer.accepted()
    server.close()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"late", "PA")
    assert "R" in peer.hear().flags
    peer.wait(0.001)
    assert peer.stack.tcp_count == (0, 0, 0)


def test_closing_with_unread_data_resets():
    """RFC 2525 section 2.17, the other half: a RST tells that not all was read."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"unread", "PA")
    server.close()
    peer.let_go()
    assert "R" in peer.drain()[-1].flags


@mutation("tcp_timers.pyx", "        set_timer(tcb, TIMER_LINGER, tcb.tcp.host.now + 60 * SECOND)", "        pass")
def test_fin_wait_2_without_a_user_ends():
    """A peer that never closes its half does not hold a block that nobody looks at."""
    peer = Peer()
    server = peer.accepted()
    server.close()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"", "A")
    peer.wait(59)
    assert peer.stack.tcp_count[0] == 1
    peer.wait(2)
    assert peer.stack.tcp_count == (0, 0, 0)


def test_a_fin_behind_a_gap_waits_for_it():
    """The end of the stream is told when all before it has come, not earlier; data after it is not taken."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.next
    peer.send(b"end", "FPA", seq=start + 5)
    assert not server.finished
    peer.send(b"begin", "PA")
    peer.send(b"end", "FPA", seq=start + 5)
    assert server.finished
    peer.send(b"more", "PA", seq=start + 9)
    assert server.receive() == b"beginend"


def test_a_lost_fin_is_sent_again():
    """FIN-WAIT-1, CLOSING and LAST-ACK retransmit, with their data if need be."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"last words")
    server.shutdown()
    peer.let_go()
    peer.drain()
    peer.wait(0.3)
    peer.expect("FPA", b"last words")
