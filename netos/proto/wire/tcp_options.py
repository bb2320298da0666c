"""TCP options as values (RFC 9293, 7323, 2018, 2385, 5482, 5925, 7413)."""

from __future__ import annotations

from dataclasses import dataclass

from netos.proto.wire.base import Reading, WireError, number

END, NO_OPERATION, MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
MD5, USER_TIMEOUT, AUTHENTICATION, FAST_OPEN = 19, 28, 29, 34
LENGTH_MAX = 40


@dataclass(frozen=True)
class NoOperation:
    """Nothing, to align what follows."""

    def __str__(self) -> str:
        return "nop"


@dataclass(frozen=True)
class Mss:
    """The largest segment that the sender takes."""

    value: int

    def __str__(self) -> str:
        return f"mss {self.value}"


@dataclass(frozen=True)
class WindowScale:
    """By how many bits windows are shifted."""

    shift: int

    def __str__(self) -> str:
        return f"wscale {self.shift}"


@dataclass(frozen=True)
class SackPermitted:
    """The sender understands selective acknowledgements."""

    def __str__(self) -> str:
        return "sackOK"


@dataclass(frozen=True)
class Sack:
    """What was received out of order: sequence numbers (first, after the last)."""

    blocks: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return "sack " + " ".join(f"{first}:{end}" for first, end in self.blocks)


@dataclass(frozen=True)
class Timestamps:
    """The sender's clock, and the value it echoes."""

    value: int
    echo: int

    def __str__(self) -> str:
        return f"ts {self.value} ecr {self.echo}"


@dataclass(frozen=True)
class UserTimeout:
    """For how long data may stay unacknowledged, in seconds or minutes."""

    value: int
    minutes: bool = False

    def __str__(self) -> str:
        return f"uto {self.value} {'min' if self.minutes else 's'}"


@dataclass(frozen=True)
class OtherOption:
    """Any other option, such as MD5 (19), authentication (29) or a fast-open cookie (34): kind and data."""

    kind: int
    data: bytes = b""

    def __str__(self) -> str:
        name = {MD5: "md5", AUTHENTICATION: "ao", FAST_OPEN: "tfo"}.get(self.kind, f"option {self.kind}")
        return name + (f" {self.data.hex()}" if self.data else "")


TcpOption = NoOperation | Mss | WindowScale | SackPermitted | Sack | Timestamps | UserTimeout | OtherOption
LENGTHS = {MSS: 2, WINDOW_SCALE: 1, SACK_PERMITTED: 0, TIMESTAMPS: 8, USER_TIMEOUT: 2, MD5: 16}


def parse_options(data: bytes, reading: Reading) -> tuple[TcpOption, ...]:
    """The options of a segment; padding is none of them. A known option of a wrong length is an OtherOption."""
    found: list[TcpOption] = []
    at = 0
    while at < len(data) and data[at] != END:
        if data[at] == NO_OPERATION:
            found.append(NoOperation())
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2 or at + length > len(data):
            reading.fault("options", f"kind {data[at]} at {at} has length {length}, of {len(data) - at} bytes left")
            return tuple(found)
        found.append(parse_option(data[at], data[at + 2:at + length], reading))
        at += length
    if any(data[at:]):
        reading.fault("options", "something follows their end")
    return tuple(found)


def parse_option(kind: int, data: bytes, reading: Reading) -> TcpOption:
    """One option with a length."""
    if len(data) != LENGTHS.get(kind, len(data)) or (kind == SACK and (not data or len(data) % 8)) or (
            kind == AUTHENTICATION and len(data) < 2):
        reading.fault("options", f"kind {kind} of {len(data) + 2} bytes")
        return OtherOption(kind, data)
    value = int.from_bytes(data, "big")
    if kind == MSS:
        return Mss(value)
    if kind == WINDOW_SCALE:
        return WindowScale(value)
    if kind == SACK_PERMITTED:
        return SackPermitted()
    if kind == TIMESTAMPS:
        return Timestamps(value >> 32, value & 0xFFFFFFFF)
    if kind == USER_TIMEOUT:
        return UserTimeout(value & 0x7FFF, bool(value >> 15))
    if kind == SACK:
        edges = [int.from_bytes(data[at:at + 4], "big") for at in range(0, len(data), 4)]
        return Sack(tuple(zip(edges[::2], edges[1::2])))
    return OtherOption(kind, data)


def build_options(options: tuple[TcpOption, ...]) -> bytes:
    """Options as bytes, padded to a multiple of four."""
    made = b"".join(map(build_option, options))
    made += bytes(-len(made) % 4)
    if len(made) > LENGTH_MAX:
        raise WireError("tcp", "options", f"{len(made)} bytes, of {LENGTH_MAX} at most")
    return made


def build_option(option: TcpOption) -> bytes:
    """One option as bytes."""
    match option:
        case NoOperation():
            return bytes((NO_OPERATION,))
        case Mss(value):
            return bytes((MSS, 4)) + number("tcp", "options", value, 2)
        case WindowScale(shift):
            return bytes((WINDOW_SCALE, 3)) + number("tcp", "options", shift, 1)
        case SackPermitted():
            return bytes((SACK_PERMITTED, 2))
        case Timestamps(value, echo):
            return bytes((TIMESTAMPS, 10)) + number("tcp", "options", value, 4) + number("tcp", "options", echo, 4)
        case UserTimeout(value, minutes):
            if value > 0x7FFF:
                raise WireError("tcp", "options", f"a user timeout of {value}, of {0x7FFF} at most")
            return bytes((USER_TIMEOUT, 4)) + number("tcp", "options", value | minutes << 15, 2)
        case Sack(blocks):
            edges = b"".join(number("tcp", "options", edge, 4) for block in blocks for edge in block)
            return bytes((SACK,)) + number("tcp", "options", len(edges) + 2, 1) + edges
        case OtherOption(kind, data):
            if kind in (END, NO_OPERATION):
                raise WireError("tcp", "options", f"kind {kind} has no data")
            return number("tcp", "options", kind, 1) + number("tcp", "options", len(data) + 2, 1) + data
    raise WireError("tcp", "options", f"{option!r} is not an option")
