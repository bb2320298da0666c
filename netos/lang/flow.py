"""The codes of an element class: port counts, processing and flow, in Click's notation (lib/element.cc)."""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters

UNLIMITED = 1 << 30
COMPLETE_FLOW = "x/x"

_count = re.compile(r"(?:([0-9]+)(-)?([0-9]+)?|(-))")
_flow_letter = re.compile(r"[A-Za-z#]|\[\^?[A-Za-z#]*\]")


class CodeError(ValueError):
    """A code that is not in Click's notation."""


def _bounds(code: str) -> tuple[int, int]:
    match = _count.fullmatch(code)
    if match is None:
        raise CodeError(f"bad port count '{code}'")
    low, dash, high, _ = match.groups()
    if low is None:
        return 0, UNLIMITED
    if dash is None:
        return int(low), int(low)
    return int(low), UNLIMITED if high is None else int(high)


@lru_cache(maxsize=1024)
def _port_bounds(code: str) -> tuple[int, int, int, int, int | None]:
    """Bounds of inputs and outputs; the last is how many outputs there are beyond the inputs, for `=` codes."""
    before, slash, after = code.partition("/")
    lowest, highest = _bounds(before)
    if not slash:
        return lowest, highest, lowest, highest, None
    if after.startswith("=") and after == "=" + "+" * (len(after) - 1):
        return lowest, highest, 0, UNLIMITED, len(after) - 1
    return lowest, highest, *_bounds(after), None


def port_counts(code: str, inputs_used: int, outputs_used: int) -> tuple[int, int]:
    """How many inputs and outputs an element has whose ports are used up to these counts (`notify_nports`)."""
    lowest_in, highest_in, lowest_out, highest_out, more = _port_bounds(code)
    if more is not None:
        inputs = min(max(inputs_used, outputs_used - more, lowest_in), highest_in)
        return inputs, inputs + more
    return min(max(inputs_used, lowest_in), highest_in), min(max(outputs_used, lowest_out), highest_out)


@lru_cache(maxsize=4096)
def port_processing(code: str, inputs: int, outputs: int) -> tuple[str, str]:
    """The letters (h, l or a) of all input ports and all output ports; the last letter of a side repeats."""
    before, slash, after = code.lower().partition("/")
    if not slash:
        after = before
    if not before or not after or set(before + after) - set("hla"):
        raise CodeError(f"bad processing code '{code}'")
    return before[:inputs].ljust(inputs, before[-1]), after[:outputs].ljust(outputs, after[-1])


@lru_cache(maxsize=1024)
def _flow_letters(code: str) -> tuple[list[str], list[str]]:
    before, slash, after = code.partition("/")
    sides = [_flow_letter.findall(side) for side in (before, after)]
    if not slash or not all(sides) or "".join(sides[0]) != before or "".join(sides[1]) != after:
        raise CodeError(f"bad flow code '{code}'")
    return sides[0], sides[1]


def _letters(side: list[str], port: int, ports: int) -> frozenset[str]:
    """The letters of one port; `#` is its number, and a set that starts with ^ is all the others."""
    code = side[min(port, len(side) - 1)]
    letters = frozenset(str(port) if letter == "#" else letter for letter in code.strip("[^]"))
    if not code.startswith("[^"):
        return letters
    return frozenset([*ascii_letters, *map(str, range(ports))]) - letters


def flow_targets(code: str, inputs: int, outputs: int, input_port: int) -> list[int]:
    """The outputs that packets from one input can go to (`Element::port_flow`)."""
    if code == COMPLETE_FLOW:
        return list(range(outputs))
    before, after = _flow_letters(code)
    ports = max(inputs, outputs)
    letters = _letters(before, input_port, ports)
    return [port for port in range(outputs) if not letters.isdisjoint(_letters(after, port, ports))]


def flow_sources(code: str, inputs: int, outputs: int, output_port: int) -> list[int]:
    """The inputs that packets on one output can come from."""
    before, _, after = code.partition("/")
    return flow_targets(f"{after}/{before}", outputs, inputs, output_port)


def flow_matrix(code: str, inputs: int, outputs: int) -> list[list[bool]]:
    """For each input, whether packets can go from it to each output."""
    reached = [set(flow_targets(code, inputs, outputs, port)) for port in range(inputs)]
    return [[port in targets for port in range(outputs)] for targets in reached]


def check_flow(code: str) -> None:
    """Raise CodeError if a flow code is malformed."""
    _flow_letters(code)
