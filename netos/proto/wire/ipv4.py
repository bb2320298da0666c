"""IPv4 headers with options (RFC 791, RFC 2474, RFC 3168)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from netos.checksum import checksum
from netos.proto.wire.base import Endpoints, Parsed, Reading, WireError, bits, convert, ipv4, number

ICMP, TCP, UDP = 1, 6, 17
NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp"}
END, NO_OPERATION = 0, 1
OPTIONS = {1: "nop", 7: "record-route", 68: "timestamp", 131: "loose-source-route", 137: "strict-source-route",
           148: "router-alert"}
LEAST, OPTIONS_MAX, LENGTH_MAX = 20, 40, 65535
ANY = IPv4Address(0)


@dataclass(frozen=True)
class IpOption:
    """An option: its kind and what follows kind and length. A kind of 1 (no operation) has no data."""

    kind: int
    data: bytes = b""

    def __str__(self) -> str:
        return OPTIONS.get(self.kind, f"option {self.kind}") + (f" {self.data.hex()}" if self.data else "")


@dataclass(frozen=True)
class Ipv4:
    """A header. `offset` is that of a fragment, in bytes; lengths and the checksum are made when it is built."""

    source: IPv4Address = ANY
    destination: IPv4Address = ANY
    protocol: int = UDP
    ttl: int = 64
    identification: int = 0
    tos: int = 0
    dont_fragment: bool = False
    more_fragments: bool = False
    offset: int = 0
    options: tuple[IpOption, ...] = ()

    protocol_name: ClassVar[str] = "ipv4"

    def __post_init__(self) -> None:
        convert(self, source=ipv4, destination=ipv4, options=tuple)

    @property
    def between(self) -> Endpoints:
        """What UDP and TCP need of it for their checksums."""
        return self.source, self.destination

    @property
    def is_fragment(self) -> bool:
        """Whether it carries only a part of a datagram."""
        return self.more_fragments or self.offset > 0

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Ipv4]:
        """Read a packet. Faults: the checksum, a length past the end, options, the reserved flag."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, LEAST)
        if data[0] >> 4 != 4:
            reading.refuse("version", f"{data[0] >> 4}, not 4")
        header, total = (data[0] & 15) * 4, int.from_bytes(data[2:4], "big")
        if header < LEAST or header > len(data):
            reading.refuse("header length", f"{header}, of {len(data)} bytes in all")
        if total < header:
            reading.refuse("total length", f"{total}, less than that of the header, {header}")
        if total > len(data):
            reading.fault("total length", f"{total}, but {len(data)} bytes are there")
        if checksum(bytes(data[:header])):
            reading.fault("checksum", "wrong")
        fragment = int.from_bytes(data[6:8], "big")
        if fragment & 0x8000:
            reading.fault("flags", "the reserved one is set")
        offset = (fragment & 0x1FFF) * 8
        if offset + total - header > LENGTH_MAX:
            reading.fault("offset", f"a fragment that ends at {offset + total - header}, past {LENGTH_MAX}")
        made = cls(IPv4Address(bytes(data[12:16])), IPv4Address(bytes(data[16:20])), data[9], data[8],
                   int.from_bytes(data[4:6], "big"), data[1], bool(fragment & 0x4000), bool(fragment & 0x2000),
                   offset, parse_options(bytes(data[LEAST:header]), reading))
        return Parsed(made, bytes(data[header:total]), bytes(data[total:]), tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The packet."""
        name = self.protocol_name
        options = build_options(self.options)
        total = LEAST + len(options) + len(payload)
        if total > LENGTH_MAX:
            raise WireError(name, "total length", f"{total}, of {LENGTH_MAX} at most")
        if self.offset % 8 or self.offset + len(payload) > LENGTH_MAX:
            raise WireError(name, "offset", f"{self.offset} is not a multiple of 8 that keeps within {LENGTH_MAX}")
        fragment = bool(self.dont_fragment) << 14 | bool(self.more_fragments) << 13 | bits(
            name, "offset", self.offset // 8, 13)
        made = (bytes((0x40 | LEAST + len(options) >> 2, bits(name, "tos", self.tos, 8))) + total.to_bytes(2, "big")
                + number(name, "identification", self.identification, 2) + fragment.to_bytes(2, "big")
                + bytes((bits(name, "ttl", self.ttl, 8), bits(name, "protocol", self.protocol, 8), 0, 0))
                + self.source.packed + self.destination.packed + options)
        return made[:10] + checksum(made).to_bytes(2, "big") + made[12:] + payload

    def show(self, payload: bytes = b"") -> str:
        """Addresses, protocol, what is unusual."""
        parts = [f"{self.source} > {self.destination}", NAMES.get(self.protocol, f"protocol {self.protocol}"),
                 f"{len(payload)} bytes", f"ttl {self.ttl}", f"id {self.identification}"]
        parts += [f"tos {self.tos:#04x}"] if self.tos else []
        parts += ["DF"] if self.dont_fragment else []
        parts += [f"fragment at {self.offset}{'+' if self.more_fragments else ''}"] if self.is_fragment else []
        return ", ".join(parts + list(map(str, self.options)))


def parse_options(data: bytes, reading: Reading) -> tuple[IpOption, ...]:
    """The options of a header; padding is none of them."""
    found, at = [], 0
    while at < len(data) and data[at] != END:
        if data[at] == NO_OPERATION:
            found.append(IpOption(NO_OPERATION))
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2 or at + length > len(data):
            reading.fault("options", f"kind {data[at]} at {at} has length {length}, of {len(data) - at} bytes left")
            return tuple(found)
        found.append(IpOption(data[at], data[at + 2:at + length]))
        at += length
    if any(data[at:]):
        reading.fault("options", "something follows their end")
    return tuple(found)


def build_options(options: tuple[IpOption, ...]) -> bytes:
    """Options as bytes, padded to a multiple of four."""
    made = b""
    for option in options:
        if option.kind == NO_OPERATION and not option.data:
            made += b"\x01"
        elif option.kind in (END, NO_OPERATION) or not 0 <= option.kind <= 255:
            raise WireError("ipv4", "options", f"kind {option.kind} has no data, or is not a kind")
        else:
            made += bytes((option.kind,)) + number("ipv4", "options", len(option.data) + 2, 1) + option.data
    made += bytes(-len(made) % 4)
    if len(made) > OPTIONS_MAX:
        raise WireError("ipv4", "options", f"{len(made)} bytes, of {OPTIONS_MAX} at most")
    return made
