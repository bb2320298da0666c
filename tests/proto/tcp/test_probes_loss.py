"""What stacks are told apart by when segments are lost or too large for the path: a test for each word of the rows."""

from itertools import pairwise

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer

UNREACHABLE, TOO_BIG = 3, 4


def sender(length, rtt=0.0, **settings):
    """A connection whose handshake took `rtt` seconds; what the stack sends of so many bytes."""
    peer = Peer(**settings)
    peer.listen()
    peer.send(b"", "S", options=b"\x02\x04\x05\xb4\x01\x01\x04\x02")
    peer.answered()
    peer.wait(rtt)
    peer.send(b"", "A")
    server = peer.listener.accept()
    server.send(bytes(length))
    peer.let_go()
    return peer, server, peer.drain()


def waited(peer, seconds):
    """Until each segment that is sent within that time."""
    start = peer.now
    peer.wait(seconds)
    return [(heard.at - start) / 1e9 for heard in peer.drain()]


@mutation("tcp_table.pyx", "    tcb.rto = SECOND\n", "    tcb.rto = SECOND // 5\n")
def test_the_first_timeout_is_one_second():
    """RFC 6298 (2.1): nothing was measured: a cookie does not know when it was sent."""
    peer, _server, _sent = sender(100, always_cookies=True)
    assert waited(peer, 1.5) == [pytest.approx(1)]


def test_the_timeout_is_the_round_trip_and_four_times_its_variation():
    """RFC 6298 (2.2): 0.3 + 4 * 0.15 seconds, told on the wire; in its place a probe, as a single segment is out."""
    peer, _server, _sent = sender(100, rtt=0.3)
    assert waited(peer, 0.95) == [pytest.approx(2 * 0.3 + 0.2)]
    assert waited(peer, 1) == [pytest.approx(0.9 - 0.15)]


def test_timeouts_double():
    """RFC 6298 (5.5), up to a minute."""
    peer, _server, _sent = sender(100)
    times = waited(peer, 100)
    assert [round(after - before, 6) for before, after in pairwise(times)][:8] == [
        0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6]


def test_what_was_sent_twice_is_not_measured():
    """RFC 6298 section 3 (Karn): the doubled timeout stays for the next data, until that is measured."""
    peer, server, sent = sender(100)
    peer.wait(0.7)
    peer.drain()
    peer.send(b"", "A", ack=sent[0].end)
    assert server.facts["rto"] == 0.4
    server.send(bytes(100))
    peer.let_go()
    peer.send(b"", "A", ack=peer.drain()[0].end)
    assert server.facts["rto"] == 0.2


def test_three_duplicates_retransmit():
    """RFC 5681 section 3.2; each tells by SACK of a segment that has come."""
    peer, _server, sent = sender(10 * 1460)
    for number, expected in ((1, 0), (2, 0), (3, 1)):
        block = b"\x01\x01\x05\x0a" + sent[1].seq.to_bytes(4, "big") + sent[number].end.to_bytes(4, "big")
        peer.send(b"", "A", ack=sent[0].seq, options=block)
        assert [heard.seq for heard in peer.drain()] == [sent[0].seq] * expected


def test_ten_segments_at_first():
    """RFC 6928."""
    _peer, _server, sent = sender(100 * 1460)
    assert len(sent) == 10


def test_the_tail_is_probed():
    """RFC 8985 section 7: what was sent last goes again after two round trips; no timeout, no smaller window."""
    peer, server, sent = sender(4 * 1460, rtt=0.1)
    assert waited(peer, 0.25) == [pytest.approx(0.2)]
    assert peer.stack.counters["tcp_tail_probes"] == 1
    peer.send(b"", "A", ack=sent[-1].end)
    assert server.unsent == 0
    assert server.facts["cwnd"] == 10 * 1460


def test_fragmentation_needed_about_what_is_under_way_is_believed():
    """RFC 1191, 5927: DF is set; a quoted number outside of the window, or a size below 552, tells nothing."""
    peer, server, sent = sender(4 * 1460)
    assert all(heard.dont_fragment for heard in sent)
    peer.icmp_error(sent[0], UNREACHABLE, TOO_BIG, mtu=1000, seq=sent[0].seq - 1)
    peer.icmp_error(sent[0], UNREACHABLE, TOO_BIG, mtu=551)
    assert server.facts["mss"] == 1460
    peer.icmp_error(sent[0], UNREACHABLE, TOO_BIG, mtu=552)
    assert server.facts["mss"] == 512


def test_a_black_hole_is_found():
    """RFC 2923, 8899: nobody says that packets are too large; smaller ones get through."""
    peer, _server, _sent = sender(4 * 1460)
    peer.wait(1)
    size = len(peer.drain()[-1].ip)
    assert size == 1200
    assert peer.stack.counters["tcp_black_holes"] == 1
