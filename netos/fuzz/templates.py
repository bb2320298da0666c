"""Frames to begin with, by protocol: our own, and scapy's where it is installed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from netos.checksum import checksum

HOST, PEER = "10.0.0.2", "10.0.0.1"
HOST_ETHER, PEER_ETHER = b"\2\0\0\0\0\2", b"\2\0\0\0\0\1"
BROADCAST = b"\xff" * 6
PROTOCOLS = ("eth", "arp", "ipv4", "icmp", "udp", "tcp", "dhcp", "dns")


def packed(address: str) -> bytes:
    """Four bytes of an IPv4 address."""
    return bytes(int(part) for part in address.split("."))


def ether(payload: bytes, kind: int = 0x0800, destination: bytes = HOST_ETHER) -> bytes:
    """An Ethernet frame to the host."""
    return destination + PEER_ETHER + struct.pack("!H", kind) + payload


def ipv4(protocol: int, payload: bytes, *, source: str = PEER, destination: str = HOST, options: bytes = b"",
         fragment: int = 0, identification: int = 1, ttl: int = 64) -> bytes:
    """An IPv4 packet with the right lengths and header checksum."""
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), identification,
                         fragment, ttl, protocol, 0) + packed(source) + packed(destination) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def transport_checksum(protocol: int, payload: bytes, source: str, destination: str) -> int:
    """Of TCP and UDP, with the pseudo header."""
    return checksum(packed(source) + packed(destination) + struct.pack("!HH", protocol, len(payload)) + payload)


def udp(source: int, destination: int, data: bytes, *, to: str = HOST, sender: str = PEER) -> bytes:
    """A UDP datagram in an IPv4 packet."""
    header = struct.pack("!HHHH", source, destination, 8 + len(data), 0)
    check = transport_checksum(17, header + data, sender, to) or 0xFFFF
    return ipv4(17, header[:6] + struct.pack("!H", check) + data, source=sender, destination=to)


def tcp(source: int, destination: int, sequence: int, acknowledgment: int, flags: int, data: bytes = b"", *,
        options: bytes = b"", window: int = 0x4000, urgent: int = 0, offset: int | None = None) -> bytes:
    """A TCP segment in an IPv4 packet; `offset`: a header length, in words, that need not be right."""
    words = 5 + len(options) // 4 if offset is None else offset
    header = struct.pack("!HHIIBBHHH", source, destination, sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF,
                         words << 4 & 0xF0, flags, window, 0, urgent) + options
    check = transport_checksum(6, header + data, PEER, HOST)
    return ipv4(6, header[:16] + struct.pack("!H", check) + header[18:] + data)


def icmp(kind: int, code: int, rest: bytes, *, destination: str = HOST) -> bytes:
    """An ICMP message in an IPv4 packet; `rest` is what follows the checksum."""
    message = struct.pack("!BBH", kind, code, 0) + rest
    return ipv4(1, message[:2] + struct.pack("!H", checksum(message)) + message[4:], destination=destination)


def ping(number: int = 0, size: int = 32) -> bytes:
    """An echo request to the host, as a frame."""
    return ether(icmp(8, 0, struct.pack("!HH", 0x7E57, number) + bytes(size)))


def arp(operation: int, sender: str = PEER, target: str = HOST, sender_ether: bytes = PEER_ETHER) -> bytes:
    """An ARP packet as a frame."""
    return ether(struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_ether + packed(sender) + bytes(6)
                 + packed(target), 0x0806, BROADCAST if operation == 1 else HOST_ETHER)


def name(*labels: bytes) -> bytes:
    """A DNS name."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dhcp(kind: int, options: bytes = b"", cookie: bytes = b"\x63\x82\x53\x63") -> bytes:
    """A DHCP message (RFC 2131) to a client."""
    fixed = struct.pack("!BBBBIHH", 2, 1, 6, 0, 0x12345678, 0, 0) + packed("0.0.0.0") + packed(HOST) + packed(PEER)
    return fixed + bytes(4) + HOST_ETHER + bytes(10 + 64 + 128) + cookie + bytes((53, 1, kind)) + options + b"\xff"


def own_eth() -> list[bytes]:
    """Frames of every kind of Ethernet."""
    inner = icmp(8, 0, b"\0\1\0\1data")
    return [ether(inner), ether(struct.pack("!HH", 5, 0x0800) + inner, 0x8100), ether(b"\xaa\xaa\x03" + bytes(40), 43),
            ether(b"", 0x0800), ether(bytes(1500), 0x88CC), ether(b"\x60" + bytes(39), 0x86DD)]


def own_arp() -> list[bytes]:
    """Questions, answers, probes and announcements."""
    return [arp(1), arp(2), arp(1, "0.0.0.0"), arp(1, HOST), arp(2, HOST), arp(1, "10.0.0.9", HOST),
            arp(2, PEER, sender_ether=BROADCAST), arp(1, PEER, PEER)]


def own_ipv4() -> list[bytes]:
    """Options, fragments, protocols nobody has, packets in packets."""
    data, inner = bytes(range(64)), icmp(8, 0, b"\0\1\0\1data")
    return [ether(ipv4(17, udp(9, 7, data)[20:], options=b"\x07\x07\x04" + bytes(5))),
            ether(ipv4(1, inner[20:], options=b"\x83\x07\x04\x0a\0\0\1\0")),
            ether(ipv4(1, inner[20:], options=b"\x44\x08\x05\0" + bytes(4))),
            ether(ipv4(17, data, fragment=0x2000)), ether(ipv4(17, data, fragment=8)), ether(ipv4(4, inner)),
            ether(ipv4(17, data[:40], fragment=0x2008)), ether(ipv4(2, b"\x16\0\x09\x04\xe0\0\0\1")),
            ether(ipv4(255, data)), ether(ipv4(17, data, fragment=0x1FFF)), ether(ipv4(6, data[:12]))]


def own_icmp() -> list[bytes]:
    """Echoes, errors that quote something, questions that hosts do not answer."""
    quoted = ipv4(6, tcp(80, 10000, 1, 1, 16)[20:28], source=HOST, destination=PEER)
    return [ping(), ping(1, 1400), ether(icmp(8, 0, b"\0\1\0\1", destination="10.0.0.255")),
            *(ether(icmp(kind, code, rest + quoted)) for kind, code, rest in (
                (3, 1, bytes(4)), (3, 3, bytes(4)), (3, 4, b"\0\0\x05\0"), (3, 4, bytes(4)), (4, 0, bytes(4)),
                (5, 1, packed(PEER)), (11, 0, bytes(4)), (12, 0, b"\x14\0\0\0"))),
            ether(icmp(13, 0, bytes(16))), ether(icmp(17, 0, bytes(8))), ether(icmp(3, 3, bytes(4)))]


def own_udp() -> list[bytes]:
    """Datagrams for ports that are open, and not."""
    return [ether(udp(4000, 7, b"x" * size)) for size in (0, 1, 100, 1400)] + [
        ether(udp(4000, 9, b"nobody")), ether(udp(7, 7, b"loop")), ether(udp(0, 7, b"zero"))]


def own_tcp() -> list[bytes]:
    """Segments without a connection, and SYNs with all options."""
    options = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\1\0\0\0\0\x01\x03\x03\x07"
    return [ether(tcp(4000, port, 1, ack, flags, data, options=given)) for port, ack, flags, data, given in (
        (80, 0, 2, b"", options), (80, 0, 2, b"early", b""), (81, 0, 2, b"", b"\x02\x04\0\0"), (9, 0, 2, b"", b""),
        (80, 5, 16, b"stray", b""), (80, 0, 4, b"", b""), (80, 9, 18, b"", b""), (82, 0, 0xC2, b"", options),
        (80, 0, 3, b"", b""), (80, 0, 0, b"", b""))]


def own_dhcp() -> list[bytes]:
    """What a server says."""
    lease = (b"\x01\x04\xff\xff\xff\0\x03\x04\x0a\0\0\1\x06\x08\x0a\0\0\1\x08\x08\x08\x08\x33\x04\0\0\x0e\x10"
             b"\x36\x04\x0a\0\0\1")
    return [ether(udp(67, 68, content)) for content in (
        dhcp(2, lease), dhcp(5, lease), dhcp(6), dhcp(2, b"\x34\x01\x03" + lease), dhcp(5, b"\x0c\xff"),
        dhcp(2, lease, cookie=bytes(4)))]


def own_dns() -> list[bytes]:
    """Questions and answers, with compression."""
    question = name(b"www", b"example", b"org") + b"\0\1\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"
    alias = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x10"
    header = struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0)
    return [ether(udp(53, 5353, header + question + alias + answer)),
            ether(udp(4000, 53, struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + question)),
            ether(udp(53, 53, header + b"\xc0\x0c\0\1\0\1")), ether(udp(53, 53, header + b"\x3f" + bytes(20)))]


OWN: dict[str, Callable[[], list[bytes]]] = {
    "eth": own_eth, "arp": own_arp, "ipv4": own_ipv4, "icmp": own_icmp, "udp": own_udp, "tcp": own_tcp,
    "dhcp": own_dhcp, "dns": own_dns}


def scapy_templates(protocols: Iterable[str]) -> list[bytes]:
    """Frames that scapy's authors know how to write; none where scapy is not installed."""
    try:
        from netos.testing.scapy_templates import authored
    except ImportError:
        return []
    return authored(protocols)


def corpus(protocols: Iterable[str] = PROTOCOLS, *, scapy: bool = True) -> list[bytes]:
    """The frames of these protocols."""
    wanted = list(protocols)
    found = [frame for protocol in wanted for frame in OWN[protocol]()]
    return found + (scapy_templates(wanted) if scapy else [])
