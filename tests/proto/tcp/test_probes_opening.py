"""What stacks are told apart by, before a connection is open: closed ports, nonsense, floods and cookies (RFC 4987)."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer


@mutation("tcp_passive.pyx",
          "        bare.acknowledgment = segment.sequence + segment_span(segment)\n",
          "        bare.acknowledgment = segment.sequence\n")
def test_a_closed_port_resets():
    """RFC 9293 section 3.10.7.1: a SYN gets RST,ACK of all it takes, an ACK a RST where it points, a RST nothing."""
    peer = Peer()
    peer.send(b"data", "S", seq=500)
    peer.expect("RA", seq=0, ack=505)
    peer.send(b"", "A", seq=500, ack=12345)
    peer.expect("R", seq=12345)
    peer.send(b"x", "FA", seq=500, ack=777)
    peer.expect("R", seq=777)
    peer.send(b"", "R", seq=500)
    peer.send(b"", "RA", seq=500, ack=1)
    peer.silence()


@mutation("tcp_input.pyx",
          "    elif segment.flags & TCP_SYN and not segment.flags & TCP_FIN and segment.source_port:",
          "    elif segment.flags & TCP_SYN and segment.source_port:")
@pytest.mark.parametrize("flags", ["SF", "", "FPU", "F", "P", "SFU", "SR", "SRF", "FR", "R"])
def test_nonsense_to_a_listener_is_ignored(flags):
    """SYN+FIN, null, xmas and so on: no connection, no answer."""
    peer = Peer()
    peer.listen()
    peer.send(b"", flags)
    peer.wait(2)
    peer.silence()
    assert peer.stack.tcp_count == (0, 0, 0)


def test_a_flood_of_syns_does_not_keep_others_out():
    """RFC 4987: 400 and more from everywhere; bounded memory; a new connection works, with its options."""
    peer = Peer()
    peer.listen(backlog=64)
    for number in range(2000):
        peer.port = 1024 + number % 60000
        peer.send(b"", "S", source=f"10.0.0.{10 + number % 200}", seq=number)
    peer.drain()
    assert peer.stack.tcp_count[1] <= 64
    assert peer.stack.counters["tcp_cookies_sent"] >= 400
    peer.port = 999
    peer.open(sack=True, timestamp=5, scale=6, mss=1400)
    server = peer.listener.accept()
    facts = server.facts
    assert (facts["sack"], facts["timestamps"], facts["scales"][0], facts["mss"]) == (True, True, 6, 1400)
    peer.send(b"hello", "PA")
    assert server.receive() == b"hello"
    peer.wait(200)
    assert peer.stack.tcp_count[1] == 0


@mutation("tcp_passive.pyx",
          "            if cookie_may_be(tcp, segment.acknowledgment - 1):\n                return NULL",
          "            if 0:\n                return NULL")
def test_data_may_overtake_the_acknowledgment_of_a_cookie():
    """A reset would end a good connection: the cookie cannot be checked before its first segment comes."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9)
    peer.answered()
    peer.send(b"second", "PA", seq=15)
    peer.send(b"", "A", seq=21)
    peer.silence()
    peer.send(b"first", "PA", seq=10)
    server = peer.listener.accept()
    peer.send(b"second", "PA", seq=15)
    assert server.receive() == b"firstsecond"


@mutation("tcp_cookie.pyx", "or cookie_hash(tcp, connection, irs, made, size) != cookie & 0xFFFFFF:", "or 0:")
def test_cookies_cannot_be_made_up_and_get_old():
    """RFC 4987: an ACK that does not bring ours back opens nothing; one that is minutes late is reset."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9)
    cookie = peer.answered()
    peer.next = 10
    for guess in (cookie.end + 1, cookie.end ^ 0x1000, cookie.end - 1):
        peer.send(b"", "A", ack=guess)
    peer.port += 1
    peer.send(b"", "A", ack=cookie.end)             # another pair of endpoints
    peer.port -= 1
    peer.silence()
    guess = cookie.end + (5 << 27)                  # of another time
    peer.send(b"", "A", ack=guess)
    peer.expect("R", seq=guess)
    peer.wait(200)
    peer.send(b"", "A", ack=cookie.end)
    peer.expect("R")
    assert peer.listener.waiting == 0
