"""Connections half open: SYNs that come again or anew, SYN cookies that are old, small or kept by somebody."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer, syn_options

PERIODS = 32                    # of the cookies' clock, which steps every 64 seconds, until its five bits come round


@mutation("tcp_passive.pyx", "        half.retransmits = max(half.retransmits, 1) ", "        pass ")
def test_no_round_trip_is_measured_that_nobody_can_tell():
    """RFC 6298 section 3 (Karn): a SYN that came again was answered again; which answer is it that the ACK is for?"""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", seq=1000)
    peer.answered()
    peer.wait(0.9)
    peer.send(b"", "S", seq=1000)
    peer.answered()
    peer.wait(0.01)
    peer.next = 1001
    peer.send(b"", "A")
    assert peer.listener.accept().facts["rtt"] == 0


@mutation("tcp_passive.pyx",
          "    if segment.flags & TCP_SYN and not segment.flags & TCP_ACK:\n        answer_again(",
          "    if segment.flags & TCP_SYN and not segment.flags & TCP_ACK and segment.sequence == half.irs:\n"
          "        answer_again(")
def test_a_peer_that_begins_anew_need_not_wait():
    """RFC 5961 section 4: a SYN of another number is told what we expect; its sender resets that, and tries again."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", seq=1000)
    peer.answered()
    peer.wait(0.2)
    peer.send(b"", "S", seq=900_000)
    assert peer.answered().ack == 1001
    peer.send(b"", "R", seq=1001)
    assert peer.stack.tcp_count[1] == 0
    peer.send(b"", "S", seq=900_000)
    assert peer.answered().ack == 900_001


def test_who_sends_its_syn_again_and_again_does_not_hold_a_place_for_ever():
    """The entry is forgotten after a minute or so, and the answers are as many as the SYNs at most."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", seq=1000)
    first = peer.answered().seq
    for _ in range(140):
        peer.wait(0.5)
        peer.send(b"", "S", seq=1000)
    answers = peer.drain()
    assert len(answers) <= 150
    assert answers[-1].seq != first             # that of another entry


@mutation("tcp_cookie.pyx", "<uint64_t>made << 8", "(<uint64_t>made & 31) << 8")
def test_a_cookie_does_not_become_good_again():
    """RFC 4987: its five bits of time come round; who had the address for a moment could open connections for ever."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9)
    cookie = peer.answered()
    peer.wait(64 * PERIODS)
    peer.send(b"", "S", seq=100)                # cookies are being sent
    peer.drain()
    peer.send(b"", "A", seq=10, ack=cookie.end)
    assert peer.listener.waiting == 0


@mutation("tcp_cookie.pyx", "SIZE_TABLE = [88,", "SIZE_TABLE = [536,")
@pytest.mark.parametrize("mss", [88, 90, 256, 535, 536, 1000, 1459, 1460, 9000, 65535])
def test_a_cookie_never_makes_segments_larger_than_the_peer_takes(mss):
    """MUST-16: of the sizes that three bits tell, one that is not above what the SYN said."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9, options=syn_options(mss))
    peer.answered()
    peer.send(b"", "A", seq=10)
    assert peer.listener.accept().facts["mss"] <= mss
