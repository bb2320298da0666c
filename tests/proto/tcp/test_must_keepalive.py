"""RFC 9293's MUSTs on keepalive (section 3.8.4): what breaks: dead peers stay, or live ones are cut off."""

import errno

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer

HOUR = 3600


@mutation("endpoints.pyx", "        set_timer(self.tcb, TIMER_KEEPALIVE, self", "        max(0, self")
def test_must_24_a_user_can_ask_for_keepalives():
    """MUST-24: also before the connection is open; a probe is an old sequence number without data (SHLD-12)."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    peer.wait(2 * HOUR + 1)
    peer.expect("A", b"", seq=peer.heard - 1)


@mutation("tcp_timers.pyx", "    if not tcb.bits & TCB_KEEPALIVE or tcb", "    if tcb")
def test_must_25_nobody_is_probed_who_did_not_ask():
    """MUST-25: off by default, and off again when the user says so."""
    peer = Peer()
    server = peer.accepted()
    peer.wait(5 * HOUR)
    peer.silence()
    server.keepalive = True
    server.keepalive = False
    peer.wait(5 * HOUR)
    peer.silence()
    assert server.state == "ESTABLISHED"


@mutation("tcp_timers.pyx",
          "    if now < due:\n        set_timer(tcb, TIMER_KEEPALIVE, due)\n        return 1\n",
          "")
def test_must_26_only_an_idle_connection_is_probed():
    """MUST-26: whatever comes from the peer starts the interval anew."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    for _ in range(5):
        peer.wait(1.9 * HOUR)
        peer.send(b"", "A")
        peer.silence()
    peer.wait(1.9 * HOUR)
    peer.silence()
    peer.wait(0.2 * HOUR)
    peer.expect("A")


@mutation("endpoints.pyx", "        self.tcb.keepalive_idle = first\n", "")
def test_must_27_the_interval_can_be_set():
    """MUST-27: idle time, interval and count; also while keepalives are on already."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    server.set_keepalive(10, 2, 3)
    peer.wait(11)
    assert len(peer.drain()) == 1
    peer.wait(4)
    assert len(peer.drain()) == 2
    peer.wait(3)
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)


@mutation("tcp_table.pyx", "    tcb.keepalive_idle = 7200 * SECOND\n", "    tcb.keepalive_idle = 720 * SECOND\n")
def test_must_28_the_default_is_two_hours():
    """MUST-28: no less."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    peer.wait(2 * HOUR - 1)
    peer.silence()
    peer.wait(2)
    assert len(peer.drain()) == 1
    assert server.state == "ESTABLISHED"


@mutation("tcp_table.pyx", "    tcb.keepalive_count = 9\n", "    tcb.keepalive_count = 1\n")
@mutation("tcp_timers.pyx",
          "        if tcb.probes >= tcb.keepalive_count:\n            return give_up(tcb)\n",
          "        if tcb.probes >= tcb.keepalive_count:\n            return 1\n")
def test_must_29_one_lost_answer_is_not_the_end():
    """MUST-29: several probes; an answer to any of them keeps the connection; none at all ends it."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    peer.wait(2 * HOUR + 5 * 75)
    probes = peer.drain()
    assert len(probes) >= 5
    peer.send(b"", "A")
    peer.wait(2 * HOUR - 10)
    peer.silence()
    assert server.state == "ESTABLISHED"
    peer.wait(75 * 12)
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)


@mutation("tcp_timers.pyx", "    if tcb.heard_at >= tcb.probed_at and", "    if 0 and")
def test_answered_probes_end_nothing_however_they_are_spaced():
    """With an interval longer than the idle time the connection is always due; it must not die of answers."""
    peer = Peer()
    server = peer.accepted()
    server.keepalive = True
    server.set_keepalive(5, 10, 3)
    for _ in range(100):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A")
    assert server.state == "ESTABLISHED"
    peer.wait(41)
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)


@mutation("tcp_timers.pyx", "tcb.heard_at >= tcb.probed_at and not tcb.deadline[TIMER_PERSIST]:", "1:")
@pytest.mark.parametrize("data", [b"never taken", b""])
def test_keepalive_does_not_keep_what_nobody_waits_for(data):
    """Both count probes: a closed connection whose peer is gone, its window closed, must end all the same."""
    peer = Peer()
    server = peer.accepted(window=0)
    server.keepalive = True
    server.set_keepalive(0.1, 0.2, 9)
    server.send(data)
    server.close()
    peer.wait(200)
    assert peer.stack.tcp_count == (0, 0, 0)


def test_keepalives_are_answered():
    """A peer's probe, with and without a byte of garbage, draws an acknowledgment: else it would cut us off."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "A", seq=peer.next - 1)
    peer.expect("A", ack=peer.next)
    peer.send(b"?", "A", seq=peer.next - 1)
    peer.expect("A", ack=peer.next)
    assert server.readable == 0
