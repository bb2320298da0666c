"""Where the boxes of each layer stand from left to right, their order given, so that wires are short and straight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Net = tuple[int, int]                   # the input that a wire leads to: element, port
Place = tuple[Net, int, bool]           # room for a net in a layer, on its way down or up

SWEEPS = 9
SPACE, WIRE_SPACE = 16.0, 10.0          # between boxes, between wires
PULLS = 20.0, 3.0, 1.0                  # how straight a wire wants to be, by the boxes at its ends
SMALL_BEND = 8.0
INFINITE = 1e12


@dataclass(slots=True)
class Node:
    """A box, or a place for a wire, in its layer; links have the other node, the own pin and its pin."""

    width: float
    height: float
    layer: int
    item: bool
    above: list[tuple[int, float, float]] = field(default_factory=list)
    below: list[tuple[int, float, float]] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)     # where a wire turns around
    x: float = 0.0
    y: float = 0.0


def space_between(left: Node, right: Node) -> float:
    """How far apart the left edges of neighbours must be."""
    return left.width + (SPACE if left.item and right.item else WIRE_SPACE)


class Places:
    """Gives the nodes of ordered layers their x."""

    def __init__(self, nodes: Sequence[Node], rows: Sequence[Sequence[int]], places: Mapping[Place, int]) -> None:
        self.nodes = nodes
        self.rows = rows
        self.places = places
        self.left: dict[int, int] = {}
        self.right: dict[int, int] = {}
        for row in rows:
            for left, right in pairwise(row):
                self.left[right], self.right[left] = left, right

    def spread(self) -> None:
        """Give every node its x: near what it is connected with, boxes clear of each other."""
        for row in self.rows:
            for index in row:
                before = self.left.get(index)
                if before is not None:
                    self.nodes[index].x = self.nodes[before].x + space_between(self.nodes[before], self.nodes[index])
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            both = sweep >= SWEEPS - 3
            for row in self.rows if down else reversed(self.rows):
                self.settle(row, both or down, both or not down)
        self.hang_straight()
        for chain in self.chains():
            self.straighten(chain)
        self.hang_straight()
        left = min((node.x for node in self.nodes), default=0.0)
        for node in self.nodes:
            node.x -= left

    def settle(self, row: Sequence[int], above: bool, below: bool) -> None:
        """Move a layer's nodes to where their neighbours want them, in least squares, their order and space kept.

        Less the space they need, the places must not fall: that is isotonic regression, done by pooling violators.
        """
        shift = 0.0
        shifts: list[float] = []
        pools: list[list[float]] = []       # weighted sum, weight, count
        for at, index in enumerate(row):
            node = self.nodes[index]
            shift += space_between(self.nodes[row[at - 1]], node) if at else 0.0
            shifts.append(shift)
            total, weight = 0.01 * node.x, 0.01
            for other, own_pin, pin in (*(node.above if above else ()), *(node.below if below else ())):
                pull = PULLS[node.item + self.nodes[other].item]
                total += pull * (self.nodes[other].x + pin - own_pin)
                weight += pull
            for other in node.beside:
                total += 0.1 * self.nodes[other].x
                weight += 0.1
            pools.append([total - weight * shift, weight, 1])
            while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
                last = pools.pop()
                pools[-1] = [mine + its for mine, its in zip(pools[-1], last)]
        done = 0
        for total, weight, count in pools:
            for at in range(done, done + int(count)):
                self.nodes[row[at]].x = total / weight + shifts[at]
            done += int(count)

    def hang_straight(self) -> None:
        """Move boxes that hang from one wire a little, and ends at the edge, to where it comes from."""
        for row in self.rows:
            for index in row:
                node = self.nodes[index]
                if node.item and len(node.above) == 1:
                    upper, own_pin, pin = node.above[0]
                    wanted = self.nodes[upper].x + pin - own_pin
                    low, high = self.room(index)
                    if low <= wanted <= high and (abs(wanted - node.x) < SMALL_BEND or not node.width):
                        node.x = wanted

    def room(self, index: int) -> tuple[float, float]:
        """How far a node can move between its neighbours in the layer."""
        node = self.nodes[index]
        low, high = -INFINITE, INFINITE
        if index in self.left:
            left = self.nodes[self.left[index]]
            low = min(left.x + space_between(left, node), node.x)
        if index in self.right:
            right = self.nodes[self.right[index]]
            high = max(right.x - space_between(node, right), node.x)
        return low, high

    def chains(self) -> list[list[int]]:
        """The places of each net, from the top, in one direction."""
        found: dict[tuple[Net, bool], list[int]] = {}
        for (net, _, up), index in sorted(self.places.items(), key=lambda place: (place[0][1], place[1])):
            found.setdefault((net, up), []).append(index)
        return list(found.values())

    def straighten(self, chain: Sequence[int]) -> None:
        """Put as many places as have room for it, from the top, into one vertical line; then the next ones."""
        run: list[int] = []
        low, high = -INFINITE, INFINITE
        for index in chain:
            left, right = self.room(index)
            if run and max(low, left) > min(high, right):
                self.align(run, low, high)
                run, low, high = [], -INFINITE, INFINITE
            run.append(index)
            low, high = max(low, left), min(high, right)
        self.align(run, low, high)

    def align(self, run: Sequence[int], low: float, high: float) -> None:
        """Put places into a vertical line between the bounds, if possible one with a pin at the end of the wire."""
        pins = [self.nodes[other].x + pin for index in (run[0], run[-1])
                for other, _, pin in (*self.nodes[index].above, *self.nodes[index].below) if self.nodes[other].item]
        mean = sum(self.nodes[index].x for index in run) / len(run)
        fitting = [pin for pin in pins if low <= pin <= high and abs(pin - mean) < 4 * SMALL_BEND]
        x = min(fitting, key=lambda pin: abs(pin - mean)) if fitting else min(max(mean, low), high)
        for index in run:
            self.nodes[index].x = x
