"""What stacks are told apart by: segments that an attacker or the past may have made (RFC 5961, 7323)."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer, timestamps


@mutation("tcp_input.pyx",
          "        if segment.sequence == tcb.rcv_nxt:\n            reset_by_peer(tcb)",
          "        if 1:\n            reset_by_peer(tcb)")
def test_a_reset_that_is_not_exact_is_challenged():
    """RFC 5961 section 3: in the window: an ACK, and life goes on; outside: silence; exact: the end."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "R", seq=peer.next + 100)
    peer.expect("A", ack=peer.next)
    peer.send(b"", "R", seq=peer.next + 1_000_000)
    peer.send(b"", "R", seq=peer.next - 1)
    peer.wait(1)
    peer.silence()
    peer.send(bytes(1000), "R", seq=peer.next - 500)        # its data reaches into the window, it does not
    assert server.state == "ESTABLISHED"
    peer.drain()
    peer.send(b"", "R", seq=peer.next)
    assert server.state == "CLOSED"


@mutation("tcp_output.pyx",
          "    if tcb.challenged_at and now - tcb.challenged_at < CHALLENGE_INTERVAL:\n        return\n",
          "")
def test_challenges_are_few():
    """RFC 5961 section 7: limited for each connection by itself (a common limit would tell others about it)."""
    peer = Peer()
    server = peer.accepted()
    for _ in range(100):
        peer.send(b"", "R", seq=peer.next + 100)
        peer.wait(0.01)
    assert len(peer.drain()) <= 2
    peer.port += 1
    peer.open()
    peer.send(b"", "R", seq=peer.next + 100)
    assert len(peer.drain()) == 1, "another connection has a limit of its own"
    assert server.state == "ESTABLISHED"


@mutation("tcp_input.pyx",
          "    if cut.flags & TCP_SYN:\n"
          "        tcp_challenge(tcb)                                  # RFC 5961 section 4.2\n        return\n",
          "    if cut.flags & TCP_SYN:\n        reset_by_peer(tcb)\n        return\n")
@pytest.mark.parametrize("offset", [0, 100, -1, -5000, 1_000_000])
def test_a_syn_for_an_open_connection_is_challenged(offset):
    """RFC 5961 section 4: whatever its number, an ACK tells what is expected, and the connection lives."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "S", seq=peer.next + offset)
    peer.expect("A", ack=peer.next)
    assert server.state == "ESTABLISHED"


@mutation("tcp_input.pyx", "    if sequence_before(tcb.snd_max, ack) or sequence_before(", "    if sequence_before(")
@pytest.mark.parametrize(("offset", "answered"), [(1, True), (100_000, True), ((1 << 31) - 1, True), (-200_000, True)])
def test_acknowledgments_of_what_was_never_sent_or_long_ago(offset, answered):
    """RFC 9293 section 3.10.7.4, RFC 5961 section 5: an ACK in return; the data with it is not taken."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"injected", "PA", seq=peer.next, ack=peer.heard + offset)
    assert server.readable == 0
    assert bool(peer.drain()) == answered


@mutation("tcp_input.pyx",
          "        if sequence_before(segment.ts_value, tcb.ts_recent) and not outdated(tcb):\n",
          "        if 0:\n")
@mutation("tcp_input.pyx",
          "cdef int64_t PAWS_LIMIT = <int64_t>24 * 24 *",
          "cdef int64_t PAWS_LIMIT = <int64_t>24 * 240 *")
def test_old_timestamps_are_dropped():
    """RFC 7323 section 5: with an ACK; a RST passes; after 24 days of silence anything is new."""
    peer = Peer()
    server = peer.accepted(timestamp=1000)
    peer.timestamp = 2000
    peer.send(b"new", "PA")
    peer.send(b"old", "PA", seq=peer.next, options=timestamps(1999, 0))
    assert peer.expect("A", ack=peer.next).timestamps[1] == 2000
    assert server.receive() == b"new"
    peer.wait(25 * 24 * 3600)
    peer.drain()
    peer.send(b"later", "PA", options=timestamps(1500, 0))
    assert server.receive() == b"later"
