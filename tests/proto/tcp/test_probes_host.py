"""What stacks are told apart by, beside TCP: checksums, ICMP errors, fragments, ARP (RFC 1122, 815, 826, 5227)."""

import struct

from netos.checksum import checksum
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import (
    ICMP,
    PEER,
    PEER_ETHER,
    STACK,
    STACK_ETHER,
    UDP,
    Peer,
    address,
    ip_packet,
    with_checksum,
)


def datagram(payload, *, port=4000, to=9, source=PEER, destination=STACK, corrupt=False):
    """A UDP datagram, without its IP header."""
    made = with_checksum(UDP, struct.pack("!HHHH", port, to, 8 + len(payload), 0) + payload, 6, source, destination)
    return made[:6] + bytes((made[6] ^ corrupt,)) + made[7:]


def arp(operation, sender_ether, sender, target):
    """An ARP packet."""
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_ether + address(sender) + bytes(6)
            + address(target))


@mutation("stack_input.pyx", "    if checksum_ip(ip, header):\n        return IP_BAD_CHECKSUM\n", "")
def test_bad_checksums_are_dropped():
    """RFC 1122: IP, UDP, ICMP (TCP: MUST-3); a UDP checksum of zero means none."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    good = ip_packet(UDP, datagram(b"text"))
    peer.frame(good[:10] + bytes((good[10] ^ 1,)) + good[11:])
    peer.frame(ip_packet(UDP, datagram(b"text", corrupt=True)))
    echo = struct.pack("!BBHHH", 8, 0, 0x1234, 1, 1)
    peer.frame(ip_packet(ICMP, echo))
    peer.silence()
    assert port.receive() is None
    bare = datagram(b"text")
    peer.frame(ip_packet(UDP, bare[:6] + b"\0\0" + bare[8:]))
    assert port.receive() == (b"text", (PEER, 4000))
    echo = echo[:2] + struct.pack("!H", checksum(echo[:2] + b"\0\0" + echo[4:])) + echo[4:]
    peer.frame(ip_packet(ICMP, echo))
    assert peer.hear().payload[0] == 0


def test_ports_and_protocols_that_nobody_has_are_unreachable():
    """RFC 1122: 3/3 for UDP, 3/2 for a protocol, each quoting what it is about; not to what was sent to all."""
    peer = Peer()
    peer.frame(ip_packet(UDP, datagram(b"text")))
    answer = peer.hear().payload
    assert answer[:2] == b"\x03\x03"
    assert answer[8 + 20 + 8:] == b"text"
    peer.frame(ip_packet(99, b"text"))
    assert peer.hear().payload[:2] == b"\x03\x02"
    peer.frame(ip_packet(UDP, datagram(b"text", destination="10.0.0.255"), destination="10.0.0.255"))
    peer.frame(ip_packet(UDP, datagram(b"text")), to=b"\xff" * 6)
    peer.silence()


def test_fragments_are_put_together():
    """RFC 815: in any order; 3000 bytes."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    text = bytes(range(250)) * 12
    whole = datagram(text)
    pieces = [(0, whole[:1480], 0x2000), (1480, whole[1480:2960], 0x2000), (2960, whole[2960:], 0)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        for number in order:
            at, piece, more = pieces[number]
            peer.frame(ip_packet(UDP, piece, fragment=more | at // 8, identification=order[0] + 7))
        assert port.receive() == (text, (PEER, 4000))


def test_overlapping_fragments_spoil_their_datagram():
    """RFC 5722's rule, for IPv4 too: nobody can tell which is right."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    whole = datagram(bytes(2000))
    peer.frame(ip_packet(UDP, whole[:1000], fragment=0x2000))
    peer.frame(ip_packet(UDP, whole[992:2000], fragment=0x2000 | 992 // 8))
    peer.frame(ip_packet(UDP, whole[1000:], fragment=1000 // 8))
    assert port.receive() is None


@mutation("ip_reassembly.pyx", "    while became == FRAGMENT_ROOMLESS and", "    while 0 and")
def test_fragments_that_are_never_completed_do_not_pile_up():
    """64 000 first pieces: memory is bounded, and afterwards a datagram still gets through."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    piece = datagram(bytes(2000))
    for number in range(3000):
        peer.frame(ip_packet(UDP, piece[:1000], fragment=0x2000, identification=number & 0xFFFF))
    assert peer.cpu.balance["held"] <= 256
    peer.frame(ip_packet(UDP, piece[:1000], fragment=0x2000, identification=65000))
    peer.frame(ip_packet(UDP, piece[1000:], fragment=125, identification=65000))
    assert port.receive() is not None
    peer.wait(40)
    assert peer.cpu.balance["held"] == 0


def test_address_probes_are_answered_and_addresses_defended():
    """RFC 826, 5227: a probe has no sender; somebody with our address is told so, but not all the time."""
    peer = Peer()
    peer.wait(2)
    peer.frames.clear()
    peer.frame(arp(1, PEER_ETHER, "0.0.0.0", STACK), 0x0806)
    answer = peer.frames.popleft()
    assert (answer[:6], answer[20:22], answer[22:28]) == (PEER_ETHER, b"\0\2", STACK_ETHER)
    for _ in range(5):
        peer.frame(arp(2, b"\x02\0\0\0\0\x77", STACK, STACK), 0x0806)
    assert len(peer.frames) == 1
    assert peer.frames.popleft()[28:32] == address(STACK)
    peer.wait(11)
    peer.frame(arp(2, b"\x02\0\0\0\0\x77", STACK, STACK), 0x0806)
    assert len(peer.frames) == 1
