"""Quantities with units as arguments: times in integer nanoseconds, bandwidths in bytes a second (Click's UnitArg)."""

from __future__ import annotations

import re

from netos.args.numbers import check_range, scaled
from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType, brief
from netos.errors import ArgumentError

SECOND = 1_000_000_000
NUMBER_AND_UNIT = re.compile(r"(.*[0-9.])[ \t]*([A-Za-z]*(?:/s)?)", re.DOTALL)
TIME_UNITS = {
    "": SECOND, "m": 60 * SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "hr": 3600 * SECOND, "d": 86400 * SECOND,
    "day": 86400 * SECOND,
    **{prefix + unit: SECOND // divisor for unit in ("s", "sec")
       for prefix, divisor in (("", 1), ("m", 1000), ("u", 1_000_000), ("n", SECOND))},
}
PREFIXES = {"": 1, "k": 1000, "K": 1000, "M": 1_000_000, "G": 1_000_000_000}
BANDWIDTH_UNITS = {"": 8, **{prefix + unit: factor * bits for prefix, factor in PREFIXES.items()
                             for unit, bits in (("Bps", 8), ("B/s", 8), ("bps", 1), ("b/s", 1), ("baud", 1))}}
RATE_UNITS = {prefix + unit: factor for prefix, factor in PREFIXES.items() for unit in ("", "pps")}


def quantity(text: str, units: dict[str, int], divisor: int = 1) -> tuple[int, str] | None:
    """The number of `text` times its unit over `divisor`, rounded, and the unit; None if it is not understood."""
    match = NUMBER_AND_UNIT.fullmatch(text)
    value = scaled(match[1], units[match[2]], divisor) if match and match[2] in units else None
    return None if match is None or value is None else (value, match[2])


class Timestamp(ArgumentType[int]):
    """A time or time difference of either sign, in nanoseconds; written in seconds, or with a unit."""

    name = "time"
    minimum: int | None = -1 << 63
    maximum: int | None = (1 << 63) - 1

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        found = quantity(text, TIME_UNITS)
        if found is None:
            raise self.error(text, "is not a time (as 1.5, 5ms, 2us, 1h)")
        return check_range(found[0], self.minimum, self.maximum, self.unparse)

    def unparse(self, value: int) -> str:
        seconds, rest = divmod(abs(value), SECOND)
        return f"{'-' if value < 0 else ''}{seconds}.{rest:09}"


class Seconds(Timestamp):
    """A time difference of 0 or more, in nanoseconds: `1.5`, `5ms`, `2us`, `10 min`."""

    minimum = 0

    def __init__(self, minimum: int = 0, maximum: int | None = None) -> None:
        self.minimum = minimum
        if maximum is not None:
            self.maximum = maximum

    def unparse(self, value: int) -> str:
        for unit, size in (("s", SECOND), ("ms", 1_000_000), ("us", 1000)):
            if value % size == 0:
                return f"{value // size}{unit}"
        return f"{value}ns"


class Bandwidth(ArgumentType[int]):
    """A bandwidth in whole bytes a second: `384kbps`, `1.5 MB/s`; a bare number is bytes a second.

    `warn` says so to the user when there is no unit.
    """

    name = "bandwidth"

    def __init__(self, minimum: int = 0, maximum: int = (1 << 63) - 1, warn: bool = False) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.warn = warn

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        found = quantity(text, BANDWIDTH_UNITS, 8)
        if found is None:
            raise self.error(text, "is not a bandwidth (as 384kbps, 1.5MBps, 100MB/s)")
        if self.warn and not found[1]:
            scope.warn(f"no units specified for bandwidth {text}, assuming Bps")
        return check_range(found[0], self.minimum, self.maximum)

    def unparse(self, value: int) -> str:
        for prefix in ("G", "M", "k"):
            if value and value % PREFIXES[prefix] == 0:
                return f"{value // PREFIXES[prefix]}{prefix}Bps"
        return f"{value}Bps"


class Rate(ArgumentType[int]):
    """A whole number of packets (or other things) a second: `1000`, `1.5M`, `10kpps`."""

    name = "rate"

    def __init__(self, minimum: int = 0, maximum: int = (1 << 32) - 1) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        found = quantity(text, RATE_UNITS)
        if found is None:
            raise ArgumentError(f"parse error: invalid number {brief(text)}")
        return check_range(found[0], self.minimum, self.maximum)
