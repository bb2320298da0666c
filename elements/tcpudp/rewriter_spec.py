"""The input specifications of IPRewriter and its relatives: what to do with a flow that is new (iprewriterbase.cc)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from netos.addresses import ipv4_prefix_numbers
from netos.args import IPv4, Scope
from netos.args.types import closest
from netos.errors import ArgumentError
from netos.lang.quoting import split_words

DROP, PASS, KEEP, PATTERN = range(4)
PREFERRED, SEQUENTIAL, RANDOM = range(3)
PATTERNS = "rewriter pattern"
PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?([#?]?)")
WORDS = ("drop", "pass", "keep", "pattern")


@dataclass(frozen=True)
class Pattern:
    """What a new flow's packets become; None leaves a field as it is. Ports are first and last."""

    source: tuple[int, int] | None = None
    ports: tuple[int, int] | None = None
    destination: int | None = None
    destination_port: int | None = None
    choice: int = PREFERRED


@dataclass(frozen=True)
class InputSpec:
    """One input's specification."""

    kind: int
    forward: int = 0
    reply: int = 0
    pattern: Pattern = Pattern()


def parse_spec(text: str, outputs: int, scope: Scope) -> InputSpec:
    """`drop`, `pass OUT`, `keep F R`, `pattern SADDR SPORT DADDR DPORT F R` or `NAME F R`."""
    words = split_words(text)
    if not words:
        raise ArgumentError("empty input specification: use drop, pass, keep, pattern or a pattern's name")
    first, rest = words[0], words[1:]
    if first in ("drop", "discard"):
        if rest:
            raise ArgumentError(f"'{first}' takes no arguments")
        return InputSpec(DROP)
    if first in ("pass", "passthrough", "nochange"):
        if len(rest) > 1:
            raise ArgumentError("expected 'pass [OUTPUT]'")
        return InputSpec(PASS, output(rest[0], outputs) if rest else 0)
    if first == "keep":
        return InputSpec(KEEP, *both(rest, outputs, "keep FOUTPUT [ROUTPUT]"))
    if first == "pattern":
        if len(rest) < 2:
            raise ArgumentError("expected 'pattern SADDR SPORT DADDR DPORT FOUTPUT [ROUTPUT]'")
        fields = 4 if len(rest) > 4 else 1
        return InputSpec(PATTERN, *both(rest[fields:], outputs, "pattern SADDR SPORT DADDR DPORT FOUTPUT [ROUTPUT]"),
                         parse_pattern(rest[:fields], scope))
    named = scope.database(PATTERNS, first)
    if not isinstance(named, Pattern):
        hint = closest(first, WORDS)
        more = f"; did you mean '{hint}'?" if hint else "; flows cannot be mapped by other elements"
        raise ArgumentError(f"'{first}' is neither drop, pass, keep, pattern nor the name of a pattern{more}")
    return InputSpec(PATTERN, *both(rest, outputs, f"{first} FOUTPUT [ROUTPUT]"), named)


def both(words: Sequence[str], outputs: int, form: str) -> tuple[int, int]:
    """The output for packets of the flow, and that for replies."""
    if not 1 <= len(words) <= 2:
        raise ArgumentError(f"expected '{form}'")
    return output(words[0], outputs), output(words[-1], outputs)


def output(word: str, outputs: int) -> int:
    """An output's number, which must exist."""
    if not word.isdecimal() or not word.isascii():
        raise ArgumentError(f"'{word}' is not the number of an output")
    if int(word) >= outputs:
        raise ArgumentError(f"output {word} does not exist: there are {outputs}")
    return int(word)


def parse_pattern(fields: Sequence[str], scope: Scope) -> Pattern:
    """SADDR, or SADDR SPORT DADDR DPORT."""
    pattern = Pattern(source=addresses(fields[0], scope))
    if len(fields) == 1:
        return pattern
    _, ports, destination, port = fields
    if ports != "-":
        match = PORTS.fullmatch(ports)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not 1 <= first <= last <= 65535:
            raise ArgumentError(f"'{ports}' is not a port or a range of ports (as 1024-65535, 1024-65535#)")
        pattern = replace(pattern, ports=(first, last), choice={"": PREFERRED, "#": SEQUENTIAL, "?": RANDOM}[match[3]])
    if destination != "-":
        pattern = replace(pattern, destination=int(IPv4().parse(destination, scope)))
    if port != "-":
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ArgumentError(f"'{port}' is not a port")
        pattern = replace(pattern, destination_port=int(port))
    return pattern


def addresses(word: str, scope: Scope) -> tuple[int, int] | None:
    """`-`, an address, `FIRST-LAST`, or the hosts of a prefix."""
    if word == "-":
        return None
    if "/" in word:
        try:
            address, length = ipv4_prefix_numbers(word)
        except ValueError as error:
            raise ArgumentError(str(error)) from None
        first = address >> (32 - length) << (32 - length)
        last = first + (1 << (32 - length)) - 1
        return (first + 1, last - 1) if length < 31 else (first, last)
    low, dash, high = word.partition("-")
    found = int(IPv4().parse(low, scope)), int(IPv4().parse(high if dash else low, scope))
    if found[0] > found[1]:
        raise ArgumentError(f"the range {word} is empty")
    return found
