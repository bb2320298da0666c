"""Packets of scripts as bytes, and back: the script's sequence numbers on one side, the stack's on the other."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from netos.testing.packetdrill.nodes import Icmp, Ip, Option, Tcp, Udp
from netos.testing.probe import checksum

MASK = 0xFFFFFFFF
LONGEST = 65535                     # an IPv4 packet
BITS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "W": 128}
KINDS = {0: "eol", 1: "nop", 2: "mss", 3: "wscale", 4: "sackOK", 5: "sack", 8: "TS"}
LENGTHS = {"mss": 4, "wscale": 3, "sackOK": 2, "TS": 10}
ICMP_PROTOCOL, TCP_PROTOCOL, UDP_PROTOCOL = 1, 6, 17
HEADER, TCP_HEADER, UDP_HEADER, ICMP_HEADER = 20, 20, 8, 8


class Malformed(ValueError):
    """A packet that the stack must not send: what is wrong with it."""


@dataclass
class Flow:
    """A connection, or a pair of UDP ports; `isn` is the stack's initial sequence number, None before it is known."""

    local_port: int
    remote_port: int
    isn: int | None = None
    stamps: dict[int, int] = field(default_factory=dict)        # timestamps: the script's to the stack's

    def stamp_out(self, value: int) -> int:
        """A timestamp of the stack's as the script counts them, as far as is known."""
        if not self.stamps:
            return value
        script, real = next(iter(self.stamps.items()))
        return (value - real + script) & MASK

    def stamp_in(self, value: int) -> int:
        """A timestamp that the script echoes, as the stack sent it."""
        if value in self.stamps or not self.stamps:
            return self.stamps.get(value, value)
        script, real = next(iter(self.stamps.items()))
        return (value - script + real) & MASK


@dataclass
class Addresses:
    """Whose packets these are."""

    local: str
    remote: str


# Bytes of a script's packet

def encode(packet: Tcp | Udp | Icmp, ip: Ip, flow: Flow, addresses: Addresses) -> bytes:
    """An IPv4 packet from the remote host."""
    source, destination = addresses.remote, addresses.local
    if not isinstance(packet, Icmp) and packet.length > LONGEST:
        raise Malformed(f"an IPv4 packet has {LONGEST} bytes at most")
    if isinstance(packet, Tcp):
        protocol, body = TCP_PROTOCOL, encode_tcp(packet, flow)
        body = with_checksum(body, 16, source, destination, protocol)
    elif isinstance(packet, Udp):
        protocol = UDP_PROTOCOL
        header = struct.pack("!HHHH", flow.remote_port, flow.local_port, UDP_HEADER + packet.length, 0)
        body = with_checksum(header + bytes(packet.length), 6, source, destination, protocol)
    else:
        protocol, body = ICMP_PROTOCOL, encode_icmp(packet, flow, addresses)
    if HEADER + len(body) > LONGEST:
        raise Malformed(f"an IPv4 packet has {LONGEST} bytes at most")
    tos = ip.tos if ip.tos is not None else ip.ecn or 0
    return ip_header(source, destination, protocol, len(body), tos, 255 if ip.ttl is None else ip.ttl) + body


def ip_header(source: str, destination: str, protocol: int, length: int, tos: int = 0, ttl: int = 255) -> bytes:
    """An IPv4 header without options."""
    blank = struct.pack("!BBHHHBBH4s4s", 0x45, tos, HEADER + length, 0, 0x4000, ttl, protocol, 0,
                        IPv4Address(source).packed, IPv4Address(destination).packed)
    return blank[:10] + struct.pack("!H", checksum(blank)) + blank[12:]


def pseudo(source: str, destination: str, protocol: int, length: int) -> bytes:
    """The pseudo header of RFC 9293 section 3.1 and RFC 768."""
    return IPv4Address(source).packed + IPv4Address(destination).packed + struct.pack("!BBH", 0, protocol, length)


def with_checksum(body: bytes, at: int, source: str, destination: str, protocol: int) -> bytes:
    """The same with its checksum."""
    total = checksum(pseudo(source, destination, protocol, len(body)) + body)
    return body[:at] + struct.pack("!H", total or (0xFFFF if protocol == UDP_PROTOCOL else 0)) + body[at + 2:]


def encode_tcp(packet: Tcp, flow: Flow) -> bytes:
    """Header, options and payload of zeros, without a checksum."""
    isn = flow.isn or 0
    options = b"".join(encode_option(option, flow, isn) for option in packet.options or ())
    options += bytes(-len(options) % 4)
    if len(options) > 40:
        raise Malformed(f"the options have {len(options)} bytes: a TCP header takes 40")
    acknowledgment = 0 if packet.acknowledgment is None else (packet.acknowledgment + isn) & MASK
    header = struct.pack("!HHIIBBHHH", flow.remote_port, flow.local_port, packet.sequence & MASK, acknowledgment,
                         (TCP_HEADER + len(options)) << 2, sum(BITS[flag] for flag in packet.flags),
                         packet.window or 0, 0, packet.urgent or 0)
    return header + options + bytes(packet.length)


def encode_option(option: Option, flow: Flow, isn: int) -> bytes:
    name, *values = option
    kind = next(kind for kind, known in KINDS.items() if known == name)
    if name in ("eol", "nop"):
        return bytes((kind,))
    if name == "sack":
        blocks = values[0]
        assert isinstance(blocks, tuple)
        edges = [(edge + isn) & MASK for block in blocks for edge in block]
        return struct.pack(f"!BB{len(edges)}I", kind, 2 + 4 * len(edges), *edges)
    if name == "TS":
        value, echo = values
        assert isinstance(value, int)
        assert isinstance(echo, int)
        return struct.pack("!BBII", kind, 10, value & MASK, flow.stamp_in(echo) & MASK)
    return struct.pack({"mss": "!BBH", "wscale": "!BBB", "sackOK": "!BB"}[str(name)], kind, LENGTHS[str(name)], *values)


def encode_icmp(packet: Icmp, flow: Flow, addresses: Addresses) -> bytes:
    """An ICMP message about a packet that the stack sent, or an echo."""
    quoted = b""
    if isinstance(packet.quoted, Tcp):
        segment = struct.pack("!HHIIBBHHH", flow.local_port, flow.remote_port,
                              (packet.quoted.sequence + (flow.isn or 0)) & MASK, 0, TCP_HEADER << 2, 16, 0, 0, 0)
        quoted = ip_header(addresses.local, addresses.remote, TCP_PROTOCOL, TCP_HEADER + packet.quoted.length,
                           ttl=64) + segment
    elif packet.quoted is not None:
        length = UDP_HEADER + packet.quoted.length
        quoted = ip_header(addresses.local, addresses.remote, UDP_PROTOCOL, length, ttl=64) + struct.pack(
            "!HHHH", flow.local_port, flow.remote_port, length, 0)
    blank = struct.pack("!BBHHH", packet.kind, packet.code, 0, 0, packet.mtu or 0) + quoted
    return blank[:2] + struct.pack("!H", checksum(blank)) + blank[4:]


# A script's packet of bytes

def ports(data: bytes) -> tuple[int, int] | None:
    """Local and remote port of a packet that the stack sent; of the packet it quotes, when it is an ICMP error."""
    at = 4 * (data[0] & 15)
    if data[9] == ICMP_PROTOCOL:
        inner = data[at + ICMP_HEADER:]
        if data[at] not in (3, 11, 12) or len(inner) < HEADER + 4:
            return None
        remote, local = struct.unpack_from("!HH", inner, 4 * (inner[0] & 15))
        return local, remote
    local, remote = struct.unpack_from("!HH", data, at)
    return local, remote


def decode(data: bytes, flow: Flow, addresses: Addresses) -> tuple[Tcp | Udp | Icmp, Ip]:
    """A packet of the stack's as the script counts; raises Malformed."""
    header = 4 * (data[0] & 15)
    if data[0] >> 4 != 4 or header < HEADER or struct.unpack_from("!H", data, 2)[0] != len(data):
        raise Malformed("the IPv4 header's version or lengths are wrong")
    if checksum(data[:header]):
        raise Malformed("the checksum of the IPv4 header is wrong")
    source, destination = str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))
    if (source, destination) != (addresses.local, addresses.remote):
        raise Malformed(f"it goes from {source} to {destination}, not from {addresses.local} to {addresses.remote}")
    ip = Ip(ecn=data[1] & 3, tos=data[1], ttl=data[8])
    protocol, body = data[9], data[header:]
    if protocol == ICMP_PROTOCOL:
        if checksum(body):
            raise Malformed("the ICMP checksum is wrong")
        return decode_icmp(body, flow), ip
    if checksum(pseudo(source, destination, protocol, len(body)) + body):
        raise Malformed(f"the {'TCP' if protocol == TCP_PROTOCOL else 'UDP'} checksum is wrong")
    if protocol == UDP_PROTOCOL:
        return Udp(len(body) - UDP_HEADER), ip
    return decode_tcp(body, flow), ip


def decode_tcp(body: bytes, flow: Flow) -> Tcp:
    """A segment; the first SYN tells where the stack's sequence numbers begin."""
    _, _, sequence, acknowledgment, offset, bits, window, _, urgent = struct.unpack_from("!HHIIBBHHH", body)
    flags = "".join(letter for letter in "SFRPUEW." if BITS[letter] & bits)
    if "S" in flags:
        flow.isn = sequence
    length = len(body) - (offset >> 4) * 4
    start = (sequence - (flow.isn or 0)) & MASK
    return Tcp(flags, start, (start + length) & MASK, length, acknowledgment if "." in flags else None, window,
               urgent if "U" in flags else None, decode_options(body[TCP_HEADER:(offset >> 4) * 4]))


def decode_options(data: bytes) -> tuple[Option, ...]:
    """Options as they are; timestamps are the stack's own."""
    found: list[Option] = []
    while data:
        name = KINDS.get(data[0], f"kind {data[0]}")
        if name in ("nop", "eol"):
            found.append((name,))
            data = data[1:]
            continue
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            raise Malformed("a TCP option's length is wrong")
        if data[1] != LENGTHS.get(name, data[1]) or (name == "sack" and (data[1] - 2) % 8):
            raise Malformed(f"the TCP option {name} has {data[1]} bytes")
        values, data = data[2:data[1]], data[data[1]:]
        if name == "sack":
            edges = struct.unpack(f"!{len(values) // 4}I", values)
            found.append((name, tuple(zip(edges[::2], edges[1::2]))))
        elif name == "TS":
            value, echo = struct.unpack("!II", values)
            found.append((name, value, echo))
        elif name == "sackOK":
            found.append((name,))
        else:
            found.append((name, int.from_bytes(values, "big")))
    return tuple(found)


def decode_icmp(body: bytes, flow: Flow) -> Icmp:
    kind, code, _, _, mtu = struct.unpack_from("!BBHHH", body)
    inner = body[ICMP_HEADER:]
    if kind not in (3, 11, 12) or len(inner) < HEADER + 8:
        return Icmp(kind, code)
    at = 4 * (inner[0] & 15)
    quoted: Tcp | Udp | None = None
    if inner[9] == UDP_PROTOCOL:
        quoted = Udp(struct.unpack_from("!H", inner, at + 4)[0] - UDP_HEADER)
    elif inner[9] == TCP_PROTOCOL:
        sequence = struct.unpack_from("!I", inner, at + 4)[0]
        length = struct.unpack_from("!H", inner, 2)[0] - at - TCP_HEADER
        quoted = Tcp(".", sequence, sequence + length, length)
    return Icmp(kind, code, mtu if code == 4 else None, quoted)
