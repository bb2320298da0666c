"""What a packetdrill script consists of: events with their times, packets, system calls with their arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from netos.errors import NetosError


class ScriptError(NetosError):
    """A script was refused, or what happened is not what it expects; the text begins with file and line."""

    def __init__(self, name: str, line: int, message: str) -> None:
        super().__init__(f"{name}:{line}: {message}")
        self.line = line
        self.message = message


class Time(NamedTuple):
    """When something happens, in nanoseconds: from `start` to `end`, after the event before it if `relative`.

    A `start` of None is any time (`*`). `blocking` is when a system call that waits returns.
    """

    start: int | None
    end: int | None = None
    relative: bool = False
    blocking: int | None = None


# Packets. Sequence numbers are as the script counts them.

Option = tuple[object, ...]         # ("mss", 1460), ("TS", 100, 0), ("sack", ((1, 2), (5, 6))), …


class Tcp(NamedTuple):
    """A segment. A window or acknowledgment of None is not written; options of None may be any (`<...>`)."""

    flags: str
    sequence: int
    end: int
    length: int
    acknowledgment: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()


class Udp(NamedTuple):
    """A datagram of `length` bytes of payload."""

    length: int


class Icmp(NamedTuple):
    """An ICMP message, which quotes a packet of the other side's when it is an error."""

    kind: int
    code: int
    mtu: int | None = None
    quoted: Tcp | Udp | None = None


class Ip(NamedTuple):
    """What a script says of the IP header; None: nothing."""

    ecn: int | None = None
    tos: int | None = None
    ttl: int | None = None


# Values of arguments and results


class Ellipsis3(NamedTuple):
    """`...`: whatever it is."""


class Word(NamedTuple):
    """A constant's name."""

    name: str


class Either(NamedTuple):
    """Constants joined by `|`."""

    parts: tuple[object, ...]


class Function(NamedTuple):
    """htons(80), inet_addr("192.0.2.1"), msg_iov(1)=…"""

    name: str
    arguments: tuple[object, ...]


class Struct(NamedTuple):
    """{fd=3, events=POLLIN}: fields by name, or without names by number."""

    fields: dict[str, object]


# Events


@dataclass
class Event:
    """Something that happens at a line of the script."""

    line: int
    time: Time


@dataclass
class PacketEvent(Event):
    """A packet that comes in, or is expected to go out."""

    inbound: bool
    packet: Tcp | Udp | Icmp
    ip: Ip


@dataclass
class CallEvent(Event):
    """A system call, its result and errno; `note` is what stands behind it in parentheses."""

    name: str
    arguments: list[object]
    result: object
    error: str
    note: str


@dataclass
class CodeEvent(Event):
    """%{ assert … }%"""

    text: str


@dataclass
class CommandEvent(Event):
    """A command for the shell."""

    text: str


@dataclass
class Script:
    """A script: its name, its options (`--name=value`), its events in their order."""

    name: str
    options: dict[str, tuple[int, str]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
