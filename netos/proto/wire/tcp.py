"""TCP segments (RFC 9293); their options are in tcp_options."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar

from netos.checksum import transport_checksum
from netos.proto.wire.base import Endpoints, Parsed, Reading, WireError, bits, convert, number
from netos.proto.wire.ipv4 import TCP
from netos.proto.wire.tcp_options import TcpOption, build_options, parse_options

LEAST = 20


class Flags(IntFlag):
    """The control bits; AE is that of accurate ECN."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16
    URG = 32
    ECE = 64
    CWR = 128
    AE = 256

    def __str__(self) -> str:
        return "|".join(flag.name or "" for flag in Flags if flag & self) or "none"


NO_FLAGS = Flags(0)


@dataclass(frozen=True)
class Tcp:
    """A segment's header. The checksum needs the addresses it goes `between` (Ipv4.between): without, it is 0."""

    source: int = 0
    destination: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    flags: Flags = NO_FLAGS
    window: int = 0
    urgent: int = 0
    options: tuple[TcpOption, ...] = ()

    protocol_name: ClassVar[str] = "tcp"

    def __post_init__(self) -> None:
        convert(self, flags=Flags, options=tuple)

    @classmethod
    def parse(cls, data: bytes, *, between: Endpoints | None = None, strict: bool = True) -> Parsed[Tcp]:
        """Read a segment. Faults: the checksum, options, reserved bits."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, LEAST)
        header, bits_set = (data[12] >> 4) * 4, int.from_bytes(data[12:14], "big")
        if header < LEAST or header > len(data):
            reading.refuse("data offset", f"{header}, of {len(data)} bytes in all")
        if bits_set & 0x0E00:
            reading.fault("flags", "reserved ones are set")
        if between is not None and transport_checksum(between[0].packed, between[1].packed, TCP, bytes(data)):
            reading.fault("checksum", "wrong")
        made = cls(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"),
                   int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big"), Flags(bits_set & 0x1FF),
                   int.from_bytes(data[14:16], "big"), int.from_bytes(data[18:20], "big"),
                   parse_options(bytes(data[LEAST:header]), reading))
        return Parsed(made, bytes(data[header:]), b"", tuple(reading.faults))

    def build(self, payload: bytes = b"", *, between: Endpoints | None = None) -> bytes:
        """The segment."""
        options = build_options(self.options)
        control = (LEAST + len(options)) >> 2 << 12 | bits("tcp", "flags", self.flags, 9)
        made = (number("tcp", "source", self.source, 2) + number("tcp", "destination", self.destination, 2)
                + number("tcp", "sequence", self.sequence, 4)
                + number("tcp", "acknowledgement", self.acknowledgement, 4) + control.to_bytes(2, "big")
                + number("tcp", "window", self.window, 2) + bytes(2) + number("tcp", "urgent", self.urgent, 2)
                + options + payload)
        if len(made) > 65535:
            raise WireError("tcp", "payload", f"a segment of {len(made)} bytes fits into no packet")
        if between is None:
            return made
        check = transport_checksum(between[0].packed, between[1].packed, TCP, made)
        return made[:16] + check.to_bytes(2, "big") + made[18:]

    def show(self, payload: bytes = b"") -> str:
        """Ports, flags, numbers, options."""
        parts = [f"tcp {self.source} > {self.destination}", str(self.flags),
                 f"seq {self.sequence}", f"ack {self.acknowledgement}", f"win {self.window}"]
        parts += [f"urg {self.urgent}"] if self.urgent else []
        parts += [f"<{' '.join(map(str, self.options))}>"] if self.options else []
        return ", ".join([*parts, f"{len(payload)} bytes"])
