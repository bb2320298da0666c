"""ICMP of a host: whom it answers, whom never, how much and how often (RFC 792, RFC 1122 section 3.2.2, RFC 1812)."""

import struct

import pytest

from netos.checksum import checksum
from netos.testing.segments import ICMP, NAME, PEER, STACK, TCP, UDP, Peer, ip_packet, with_checksum

NOBODY = ("0.0.0.0", "0.1.2.3", "240.0.0.1", "255.255.255.255", "10.0.0.255", "224.0.0.1", "127.0.0.1", STACK)


def icmp(kind, code=0, rest=bytes(4), payload=b""):
    """An ICMP message."""
    message = struct.pack("!BBH", kind, code, 0) + rest + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def datagram(payload=b"", source=PEER, destination=STACK):
    """A UDP datagram to a closed port, without its IP header."""
    return with_checksum(UDP, struct.pack("!HHHH", 4000, 9, 8 + len(payload), 0) + payload, 6, source, destination)


@pytest.fixture
def peer():
    """A peer of a stack that has a way to every address."""
    made = Peer()
    made.stack.set_addresses(NAME, [f"{STACK}/24"], PEER, announce=False)
    return made


@pytest.mark.parametrize("source", NOBODY)
def test_who_is_nobody_gets_no_answer(peer, source):
    """RFC 1122 section 3.2.1.3: an answer to such a source would go to many, to nobody, or round in a circle."""
    for packet in (ip_packet(ICMP, icmp(8), source=source), ip_packet(99, b"what", source=source),
                   ip_packet(UDP, datagram(source=source), source=source),
                   peer.segment(b"", "S", source=source), peer.segment(b"", "A", source=source)):
        peer.frame(packet)
    peer.wait(4)
    peer.silence()
    assert not [frame for frame in peer.frames if frame[12:14] == b"\x08\6" and frame[38:42] != bytes((10, 0, 0, 2))]


@pytest.mark.parametrize("destination", ["255.255.255.255", "10.0.0.255", "224.0.0.1"])
def test_what_is_for_many_gets_no_answer(peer, destination):
    """An echo request or a datagram to all must not have all answer: neither by IP nor by Ethernet."""
    for to in (b"\xff" * 6, b"\1\0\x5e\0\0\1", b"\2\0\0\0\0\2"):
        for target in (destination, STACK) if to[0] & 1 else (destination,):
            peer.frame(ip_packet(ICMP, icmp(8), destination=target), to=to)
            peer.frame(ip_packet(99, b"what", destination=target), to=to)
            peer.frame(ip_packet(UDP, datagram(destination=target), destination=target), to=to)
    peer.silence()


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_errors_cause_no_errors(peer, kind):
    """About an ICMP error nothing is said, also when it comes in fragments that are never completed."""
    message = icmp(kind, 0, payload=ip_packet(UDP, datagram(bytes(40)), source=STACK, destination=PEER))
    peer.frame(ip_packet(ICMP, message))
    peer.frame(ip_packet(ICMP, message[:48], fragment=0x2000))
    peer.wait(61)
    peer.silence()


def test_an_error_quotes_as_much_as_fits(peer):
    """576 bytes in all (RFC 1812 section 4.3.2.3), from the header on, options too; the whole of a short one."""
    for length, options in ((0, b""), (100, b"\1\1\1\0"), (1400, b"\1\1\1\0"), (1400, b"")):
        packet = ip_packet(UDP, datagram(bytes(length)), options=options)
        peer.frame(packet)
        heard = peer.hear()
        assert (heard.payload[:2], heard.destination, heard.tos & 0xE0) == (b"\3\3", PEER, 0xC0)
        assert heard.payload[8:] == packet[:548]
        assert checksum(heard.payload) == 0


def test_errors_are_few(peer):
    """About a hundred a second, fifty at once; what was not said is counted.

    Nobody can tell from how many he still gets how many others got: which port of ours a name server answers to would
    be found out that way, by datagrams in the server's name (RFC 5452 section 9.2, CVE-2020-25705).
    """
    peer.frame(ip_packet(ICMP, icmp(8)))                # so that the stack knows where the peer is
    peer.drain()
    bursts = []
    for _ in range(20):
        peer.frames_at_once([ip_packet(UDP, datagram())] * 200)
        bursts.append(len(peer.drain()))
        peer.wait(1)
    assert all(35 <= burst <= 75 for burst in bursts)
    assert len(set(bursts)) > 3
    assert peer.stack.counters["icmp_errors_limited"] == 20 * 200 - sum(bursts)
    for _ in range(300):
        peer.wait(0.02)
        peer.frame(ip_packet(UDP, datagram()))
    assert len(peer.drain()) == 300
    for _ in range(1000):
        peer.wait(0.001)
        peer.frame(ip_packet(UDP, datagram()))
    assert 130 < len(peer.drain()) < 170


def test_an_echo_brings_everything_back(peer):
    """RFC 1122 section 3.2.2.6: identifier, number, data of any length; the service asked for."""
    for length in (0, 1, 57, 1472):
        peer.frame(ip_packet(ICMP, icmp(8, 0, b"\1\2\3\4", bytes(range(256))[:length] * 1), tos=0x28))
        heard = peer.hear()
        assert heard.payload == icmp(0, 0, b"\1\2\3\4", bytes(range(256))[:length])
        assert (heard.source, heard.destination, heard.tos) == (STACK, PEER, 0x28)


def test_a_tcp_segment_of_nobody_is_told_from_one_of_somebody(peer):
    """The test above would pass if the stack answered nobody at all."""
    peer.frame(peer.segment(b"", "S"))
    assert peer.hear().protocol == TCP
