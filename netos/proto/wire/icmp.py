"""ICMP for IPv4 (RFC 792, RFC 1191)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from netos.checksum import checksum
from netos.proto.wire.base import Parsed, Reading, WireError, bits, number

ECHO_REPLY, UNREACHABLE, REDIRECT, ECHO, TIME_EXCEEDED, PARAMETER_PROBLEM = 0, 3, 5, 8, 11, 12
NAMES = {ECHO_REPLY: "echo reply", UNREACHABLE: "unreachable", REDIRECT: "redirect", ECHO: "echo request",
         TIME_EXCEEDED: "time exceeded", PARAMETER_PROBLEM: "parameter problem", 13: "timestamp",
         14: "timestamp reply"}
CODES = {0: "net", 1: "host", 2: "protocol", 3: "port", 4: "fragmentation needed", 13: "prohibited"}
ERRORS = (UNREACHABLE, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM)
LENGTH, NOTHING = 8, bytes(4)


@dataclass(frozen=True)
class Icmp:
    """A message: type, code, and the four bytes whose meaning depends on them. Its payload: data, or a quote."""

    type: int
    code: int = 0
    rest: bytes = NOTHING

    protocol_name: ClassVar[str] = "icmp"

    @classmethod
    def echo(cls, identifier: int = 0, sequence: int = 0, *, reply: bool = False) -> Icmp:
        """An echo request, or the reply to one."""
        return cls(ECHO_REPLY if reply else ECHO, 0, number("icmp", "identifier", identifier, 2)
                   + number("icmp", "sequence", sequence, 2))

    @classmethod
    def unreachable(cls, code: int, mtu: int = 0) -> Icmp:
        """An unreachable error; `mtu` belongs to code 4."""
        return cls(UNREACHABLE, code, number("icmp", "mtu", mtu, 4))

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Icmp]:
        """Read a message. A fault: the checksum."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, LENGTH)
        if checksum(bytes(data)):
            reading.fault("checksum", "wrong")
        return Parsed(cls(data[0], data[1], bytes(data[4:8])), bytes(data[8:]), b"", tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The message."""
        if len(self.rest) != 4:
            raise WireError(self.protocol_name, "rest", f"{len(self.rest)} bytes, not 4")
        kind = bytes((bits("icmp", "type", self.type, 8), bits("icmp", "code", self.code, 8)))
        return kind + checksum(kind + NOTHING[:2] + self.rest + payload).to_bytes(2, "big") + self.rest + payload

    @property
    def identifier(self) -> int:
        """Of an echo: whose it is."""
        return int.from_bytes(self.rest[:2], "big")

    @property
    def sequence(self) -> int:
        """Of an echo: which one."""
        return int.from_bytes(self.rest[2:], "big")

    @property
    def mtu(self) -> int:
        """Of "fragmentation needed": what would have gone through."""
        return self.sequence

    @property
    def gateway(self) -> IPv4Address:
        """Of a redirect: the better way."""
        return IPv4Address(self.rest)

    @property
    def pointer(self) -> int:
        """Of a parameter problem: the byte at fault."""
        return self.rest[0]

    @property
    def is_error(self) -> bool:
        """Whether it is about another packet, which it quotes."""
        return self.type in ERRORS

    def show(self, payload: bytes = b"") -> str:
        """The message's name and what belongs to it."""
        text = f"icmp {NAMES.get(self.type, f'type {self.type}')}"
        if self.type in (ECHO, ECHO_REPLY):
            text += f", id {self.identifier}, seq {self.sequence}"
        elif self.type == UNREACHABLE:
            text += f" {CODES.get(self.code, f'code {self.code}')}" + (f", mtu {self.mtu}" if self.code == 4 else "")
        elif self.type == REDIRECT:
            text += f" to {self.gateway}"
        elif self.type == PARAMETER_PROBLEM:
            text += f" at {self.pointer}"
        elif self.code:
            text += f" code {self.code}"
        return f"{text}, {len(payload)} bytes"
