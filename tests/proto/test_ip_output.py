"""IPv4 as it leaves: fragments and their identifications (RFC 791 section 3.2, RFC 6864, RFC 6274 section 3.5)."""

import struct

import pytest

from netos.checksum import checksum
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.segments import ICMP, NAME, PEER, STACK, STACK_ETHER, Peer, address, ip_packet


def identification(heard):
    return struct.unpack_from("!H", heard.ip, 4)[0]


def opened(**settings):
    """A peer whose address is known, and a port of its stack."""
    peer = Peer(**settings)
    port = UdpEndpoint(peer.stack)
    port.send(b"", (PEER, 9))
    peer.let_go()
    peer.drain()
    return peer, port


@pytest.mark.parametrize("mtu", [68, 576, 1499, 1500])
@pytest.mark.parametrize("length", [0, 1, 40, 1472, 1473, 3000])
def test_a_datagram_is_cut_to_the_link(mtu, length):
    """No fragment is larger than the MTU, all but the last are multiples of eight; together they are the datagram."""
    peer, port = opened(mtu=mtu)
    port.send((bytes(range(256)) * 12)[:length], (PEER, 9))
    peer.let_go()
    sent = peer.drain()
    assert len({identification(heard) for heard in sent}) == 1
    whole = b""
    for heard in sent:
        word = struct.unpack_from("!H", heard.ip, 6)[0]
        assert len(heard.ip) <= mtu
        assert (word & 0x1FFF) * 8 == len(whole)
        assert bool(word & 0x2000) == (heard is not sent[-1])
        assert heard is sent[-1] or (len(heard.payload) % 8 == 0 and len(heard.payload) > mtu - 20 - 8)
        assert not word & 0x4000
        whole += heard.payload
    assert whole[8:] == (bytes(range(256)) * 12)[:length]


def test_datagrams_can_be_told_apart():
    """RFC 6864 section 4.3: to one destination no identification comes again before all others were used."""
    peer, port = opened()
    seen = set()
    for _ in range(300):
        port.send(b"x", (PEER, 9))
        peer.let_go()
        seen.add(identification(peer.hear()))
    assert len(seen) == 300


def test_segments_do_not_tell_how_much_is_sent():
    """RFC 6864 section 4.1: what is never cut needs no number. With a common one anybody could count our packets, and
    scan others with us in between: a RST that we sent to a third host shows in the next one that the scanner gets."""
    peer = Peer()
    numbers = []
    for port in range(100, 120):
        peer.port = port
        peer.send(b"", "S")
        heard = peer.expect("RA")
        assert heard.dont_fragment
        numbers.append(identification(heard))
    assert set(numbers) == {0}


def test_one_destination_does_not_see_the_numbers_of_another():
    """Two that compare notes must not find the same sequence."""
    peer, port = opened()
    peer.stack.set_addresses(NAME, [f"{STACK}/24"], PEER, announce=False)
    numbers = {}
    for destination in (PEER, "192.0.2.1", "192.0.2.2", "192.0.2.3"):
        port.send(b"x", (destination, 9))
        peer.let_go()
        numbers[destination] = identification(peer.hear())
    gaps = [(numbers[one] - numbers[PEER]) % 65536 for one in numbers if one != PEER]
    assert any(gap > 100 for gap in gaps)


def sizes(peer, port):
    """Of the fragments of a datagram of 1400 bytes."""
    port.send(bytes(1400), (PEER, 9))
    peer.let_go()
    return [len(heard.ip) for heard in peer.drain()]


def test_what_routers_say_of_a_path_holds_for_ten_minutes():
    """RFC 1191 section 6.3. Meanwhile the path gets only smaller: a larger size can but be told of an older packet."""
    peer, port = opened()
    port.send(bytes(1400), (PEER, 9))
    peer.let_go()
    about = peer.hear()
    peer.icmp_error(about, 3, 4, mtu=1000)
    assert sizes(peer, port) == [996, 20 + 1408 - 976]
    peer.icmp_error(about, 3, 4, mtu=1300)
    assert sizes(peer, port)[0] == 996
    peer.icmp_error(about, 3, 4, mtu=100)
    assert sizes(peer, port)[0] == 548                  # 552 at least (RFC 5927 section 7.2)
    peer.wait(599)
    assert sizes(peer, port)[0] == 548
    peer.wait(2)
    assert sizes(peer, port) == [1428]


def test_a_reply_to_a_ping_larger_than_the_link_is_cut():
    peer, _ = opened(mtu=576)
    echo = struct.pack("!BBHI", 8, 0, 0, 7) + bytes(1000)
    echo = echo[:2] + struct.pack("!H", 0xFFFF - 0x0800 - 7) + echo[4:]
    peer.frame(ip_packet(ICMP, echo))
    assert [len(heard.ip) for heard in peer.drain()] == [572, 476]


@pytest.mark.parametrize("mtu", [68, 100, 127])
@pytest.mark.parametrize("offload", [False, True])
def test_tcp_goes_through_the_smallest_links(mtu, offload):
    """RFC 791: every link carries 68 bytes. Segments are larger than that: they were dropped here, one by one."""
    peer = Peer(mtu=mtu)
    peer.stack.set_interface(NAME, ether=STACK_ETHER, mtu=mtu, offload=offload)
    server = peer.accepted(sack=True, timestamp=7, scale=3)
    peer.drain()
    server.send(bytes(range(152)))                # two segments of 88 bytes with their timestamps
    peer.let_go()
    fragments = peer.drain()
    assert all(len(heard.ip) <= mtu and heard.good and not heard.dont_fragment for heard in fragments)
    segments = {}
    for heard in fragments:
        segments.setdefault(heard.ip[4:6], b"")
        assert len(segments[heard.ip[4:6]]) == (struct.unpack("!H", heard.ip[6:8])[0] & 0x1FFF) * 8
        segments[heard.ip[4:6]] += heard.payload
    assert b"".join(segment[segment[12] >> 4 << 2:] for segment in segments.values()) == bytes(range(152))
    for segment in segments.values():
        pseudo = address(STACK) + address(PEER) + struct.pack("!HH", 6, len(segment))
        assert checksum(pseudo + segment) == 0
    assert peer.stack.counters["ip_too_big"] == 0
