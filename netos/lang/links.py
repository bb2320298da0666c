"""Links: which output ports one arrow connects to which input ports (`yconnection_connect_all`)."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from netos.lang.nodes import Ports

MAX_LINKS = 1_000_000


class LinkError(Exception):
    """An arrow that cannot be followed; the text is the message."""


class End(NamedTuple):
    """An element at one end of an arrow; `implied` is the number of ports of a group."""

    element: int
    ports: Ports | None
    implied: int | None = None

    def numbers(self) -> list[int]:
        """The ports named, without expansion."""
        if self.ports is not None:
            return self.ports.numbers
        return [0] if self.implied is None else list(range(self.implied))


class _Side(NamedTuple):
    """All ports on one side; it can grow behind expandable lists, or if `elastic`: a lone element without ports."""

    pairs: list[tuple[int, int]]
    growing: list[int]
    elastic: bool

    def grow(self, count: int) -> None:
        """Go on behind the expandable port list up to `count` ports in all."""
        place = self.growing[0] if self.growing else 1
        element, last = self.pairs[place - 1]
        self.pairs[place:place] = [(element, last + more) for more in range(1, count - len(self.pairs) + 1)]


def _side(ends: list[End]) -> _Side:
    side = _Side([], [], len(ends) == 1 and ends[0].ports is None and ends[0].implied is None)
    for end in ends:
        side.pairs.extend((end.element, number) for number in end.numbers())
        if end.ports is not None and end.ports.expandable:
            side.growing.append(len(side.pairs))
    return side


def pair_ports(sources: list[End], targets: list[End], arrow: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The (element, port) pairs an arrow connects; LinkError if it makes no sense."""
    outputs, inputs = _side(sources), _side(targets)
    if arrow == "->":
        if len(outputs.pairs) > 1 and len(inputs.pairs) > 1:
            raise LinkError("syntax error: many-to-many connections require '=>'")
        if not outputs.pairs or not inputs.pairs:
            raise _mismatch(outputs, inputs)
        return list(product(outputs.pairs, inputs.pairs))
    if len(outputs.growing) + len(inputs.growing) > 1:
        raise LinkError("at most one expandable port allowed per connection")
    for side, other in (outputs, inputs), (inputs, outputs):
        if (side.growing or (side.elastic and not other.elastic)) and 0 < len(side.pairs) < len(other.pairs):
            side.grow(len(other.pairs))
    if len(outputs.pairs) != len(inputs.pairs):
        raise _mismatch(outputs, inputs)
    if len(outputs.pairs) > MAX_LINKS:
        raise LinkError(f"more than {MAX_LINKS} connections")
    return list(zip(outputs.pairs, inputs.pairs))


def _mismatch(outputs: _Side, inputs: _Side) -> LinkError:
    more = [" or more" if side.growing else "" for side in (outputs, inputs)]
    return LinkError(f"connection mismatch: {len(outputs.pairs)}{more[0]} outputs connected to "
                     f"{len(inputs.pairs)}{more[1]} inputs")
