"""IPv4 packets for tests, right by default and wrong on request (RFC 791)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from netos.checksum import checksum, transport_checksum


def ip_packet(payload: bytes = b"", *, source: str = "10.0.0.1", destination: str = "10.0.0.2", protocol: int = 17,
              ttl: int = 64, tos: int = 0, identification: int = 1, fragment: int = 0, options: bytes = b"",
              version: int = 4, words: int | None = None, length: int | None = None,
              check: int | None = None) -> bytes:
    """A packet; `fragment` is the field of flags and offset, `words` the header length, `check` the checksum."""
    options = options.ljust(-(-len(options) // 4) * 4, b"\0")
    words = 5 + len(options) // 4 if words is None else words
    length = 20 + len(options) + len(payload) if length is None else length
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | words, tos, length, identification, fragment, ttl, protocol, 0,
                         IPv4Address(source).packed, IPv4Address(destination).packed) + options
    if check is None:
        covered = header[:4 * words] if 5 <= words <= len(header) // 4 else header
        check = checksum(covered)
    return header[:10] + check.to_bytes(2, "big") + header[12:] + payload


def udp_packet(payload: bytes = b"", *, source_port: int = 1000, destination_port: int = 2000,
               length: int | None = None, check: int | None = None, source: str = "10.0.0.1",
               destination: str = "10.0.0.2", options: bytes = b"", fragment: int = 0) -> bytes:
    """An IPv4 packet with a UDP datagram."""
    size = 8 + len(payload) if length is None else length
    datagram = struct.pack("!HHHH", source_port, destination_port, size, 0) + payload
    if check is None:
        check = transport_checksum(IPv4Address(source).packed, IPv4Address(destination).packed, 17, datagram) or 0xFFFF
    return ip_packet(datagram[:6] + check.to_bytes(2, "big") + payload, source=source, destination=destination,
                     options=options, fragment=fragment)


def tcp_packet(payload: bytes = b"", *, source_port: int = 1000, destination_port: int = 2000, flags: int = 0x10,
               words: int | None = None, options: bytes = b"", check: int | None = None, source: str = "10.0.0.1",
               destination: str = "10.0.0.2", fragment: int = 0) -> bytes:
    """An IPv4 packet with a TCP segment; `words` is its data offset."""
    words = 5 + len(options) // 4 if words is None else words
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 2, words << 4, flags, 1000, 0, 0)
    segment += options + payload
    if check is None:
        check = transport_checksum(IPv4Address(source).packed, IPv4Address(destination).packed, 6, segment)
    return ip_packet(segment[:16] + check.to_bytes(2, "big") + segment[18:], protocol=6, source=source,
                     destination=destination, fragment=fragment)


def icmp_packet(icmp_type: int = 8, code: int = 0, rest: bytes = b"\0\1\0\2", payload: bytes = b"", *,
                check: int | None = None, source: str = "10.0.0.1", destination: str = "10.0.0.2",
                options: bytes = b"", fragment: int = 0, ttl: int = 64) -> bytes:
    """An IPv4 packet with an ICMP message."""
    message = bytes([icmp_type, code, 0, 0]) + rest + payload
    check = checksum(message) if check is None else check
    return ip_packet(message[:2] + check.to_bytes(2, "big") + message[4:], protocol=1, source=source, ttl=ttl,
                     destination=destination, options=options, fragment=fragment)
