"""A layered layout of one level of a graph (Sugiyama, Tagawa and Toda, 1981), packets flowing down.

Layers are longest paths, their order comes from barycentre sweeps, places from isotonic regression. Wires to one input
share their way (a net), straight down through places kept free in the layers they cross; a wire that goes back up is
turned around below its start and above its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from netos.cli.layout_channels import Channel
from netos.cli.layout_cycles import flow_order
from netos.cli.layout_places import Net, Node, Place, Places

Point = tuple[float, float]
Step = tuple[int, int, float, int, float]       # a channel that a wire crosses: from node and pin to node and pin
SWEEPS = 8
MAX_PLACES = 12_000                             # kept free for long wires; the longest ones beyond that go straight


@dataclass(slots=True)
class Item:
    """A box to place: perhaps in the first or last layer; `source` says that packets start in it."""

    width: float
    height: float
    first: bool = False
    last: bool = False
    source: bool = False


@dataclass(frozen=True, slots=True)
class Wire:
    """From an output of a box to an input of one; the pins are offsets from the boxes' left edges."""

    source: int
    source_pin: float
    target: int
    target_pin: float
    net: Net


@dataclass(slots=True)
class Placement:
    """Where the boxes are (their upper left corners), and the corners of the wires."""

    width: float
    height: float
    corners: list[Point]
    wires: list[list[Point]]


def assign_layers(items: Sequence[Item], arcs: Sequence[tuple[int, int]], position: Sequence[int]) -> list[int]:
    """Longest paths from above; then what has more to give than to take moves down to whom it gives."""
    after: list[list[int]] = [[] for _ in items]
    takes = [0] * len(items)
    for source, target in arcs:
        after[source].append(target)
        takes[target] += 1
    order = sorted(range(len(items)), key=lambda item: position[item])
    top = 1 if any(item.first for item in items) else 0
    layers = [0 if item.first else top for item in items]
    for item in order:
        for target in after[item]:
            layers[target] = max(layers[target], layers[item] + 1)
    for item in reversed(order):
        if after[item] and takes[item] < len(after[item]) and not items[item].first:
            layers[item] = max(layers[item], min(layers[target] for target in after[item]) - 1)
    bottom = max((layer for layer, item in zip(layers, items) if not item.last), default=0) + 1
    return [bottom if item.last else layer for layer, item in zip(layers, items)]


class Layers:
    """One layout in the making."""

    def __init__(self, items: Sequence[Item], wires: Sequence[Wire]) -> None:
        self.items = items
        self.wires = wires
        arcs = [(wire.source, wire.target) for wire in sorted(wires, key=lambda wire: (wire.source, wire.source_pin))
                if wire.source != wire.target]
        position = flow_order(len(items), arcs, [index for index, item in enumerate(items) if item.source])
        forward = [(min(arc, key=position.__getitem__), max(arc, key=position.__getitem__)) for arc in arcs]
        layers = assign_layers(items, forward, position)
        self.nodes = [Node(item.width, item.height, layer, True) for item, layer in zip(items, layers)]
        self.count = max(layers, default=-1) + 1
        self.channels = [Channel() for _ in range(self.count + 1)]      # channel n lies above layer n
        self.places: dict[Place, int] = {}
        self.linked: set[tuple[int, float, int, float]] = set()
        self.routes: list[list[Step]] = [[] for _ in wires]
        spans = [abs(layers[wire.source] - layers[wire.target]) for wire in wires]
        left = MAX_PLACES
        for number in sorted(range(len(wires)), key=spans.__getitem__):
            left -= spans[number]
            if left >= 0:
                self.routes[number] = self.route(wires[number])
        self.rows: list[list[int]] = [[] for _ in range(self.count)]
        for index, node in enumerate(self.nodes):
            self.rows[node.layer].append(index)

    def place(self, net: Net, layer: int, up: bool) -> int:
        """The place of a net's wires in a layer they cross."""
        key = net, layer, up
        if key not in self.places:
            self.places[key] = len(self.nodes)
            self.nodes.append(Node(0.0, 0.0, layer, False))
        return self.places[key]

    def route(self, wire: Wire) -> list[Step]:
        """The channels a wire crosses, each with the node and pin it comes from and those it goes to."""
        first, last = self.nodes[wire.source].layer, self.nodes[wire.target].layer
        down = first < last
        stops = [(wire.source, wire.source_pin)]
        between = range(first + 1, last) if down else range(first, last - 1, -1)
        stops += [(self.place(wire.net, layer, not down), 0.0) for layer in between]
        stops.append((wire.target, wire.target_pin))
        steps = []
        for (a, a_pin), (b, b_pin) in pairwise(stops):
            upper, lower = self.nodes[a].layer, self.nodes[b].layer
            if upper != lower:
                self.link(*((a, a_pin, b, b_pin) if upper < lower else (b, b_pin, a, a_pin)))
                channel = max(upper, lower)
            else:
                channel = upper if b == wire.target else upper + 1
                self.nodes[a].beside.append(b)
                self.nodes[b].beside.append(a)
            steps.append((channel, a, a_pin, b, b_pin))
        return steps

    def link(self, upper: int, upper_pin: float, lower: int, lower_pin: float) -> None:
        """Two nodes in neighbouring layers want to be near each other."""
        key = upper, upper_pin, lower, lower_pin
        if key not in self.linked:
            self.linked.add(key)
            self.nodes[upper].below.append((lower, upper_pin, lower_pin))
            self.nodes[lower].above.append((upper, lower_pin, upper_pin))

    # The order within the layers

    def order(self) -> None:
        """Sweep down and up; keep the order with the fewest crossings."""
        best = [list(row) for row in self.rows]
        fewest = self.crossings()
        for sweep in range(SWEEPS):
            if not fewest:
                break
            rows = self.rows if sweep % 2 == 0 else self.rows[::-1]
            for row in rows:
                self.reorder(row, sweep % 2 == 0)
            crossings = self.crossings()
            if crossings < fewest:
                fewest, best = crossings, [list(row) for row in self.rows]
        self.rows = best

    def ranks(self, indices: Iterable[int]) -> dict[int, int]:
        """Positions of the nodes in their layers."""
        return {node: rank for layer in {self.nodes[index].layer for index in indices}
                for rank, node in enumerate(self.rows[layer])}

    def reorder(self, row: list[int], down: bool) -> None:
        """Sort a layer by the mean position of what its nodes hang from (or stand on)."""
        if len(row) < 2:
            return
        rank = self.ranks([row[0], *(other for node in row
                                     for other, _, _ in (self.nodes[node].above if down else self.nodes[node].below))])
        keys = {}
        for node in row:
            links = self.nodes[node].above if down else self.nodes[node].below
            wanted = [rank[other] + self.fraction(other, pin) for other, _, pin in links]
            wanted += [float(rank[other]) for other in self.nodes[node].beside] if not wanted else []
            keys[node] = sum(wanted) / len(wanted) if wanted else float(rank[node])
        row.sort(key=keys.__getitem__)

    def fraction(self, node: int, pin: float) -> float:
        """Where on the node's width a pin is, 0 to 1."""
        width = self.nodes[node].width
        return pin / width if width else 0.5

    def crossings(self) -> int:
        """Pairs of wires that cross between neighbouring layers."""
        total = 0
        for upper, lower in pairwise(self.rows):
            rank = {node: number for number, node in enumerate(lower)}
            ends = [(rank[other] + self.fraction(other, end)) for node in upper
                    for other, _, end in sorted(self.nodes[node].below, key=lambda link: (link[1], rank[link[0]]))]
            total += inversions(ends)
        return total

    def placement(self) -> Placement:
        """Everything: order, places, channels, corners."""
        self.order()
        Places(self.nodes, self.rows, self.places).spread()
        for wire, steps in zip(self.wires, self.routes):
            for channel, a, a_pin, b, b_pin in steps:
                for node, pin in ((a, a_pin), (b, b_pin)):
                    self.channels[channel].add(wire.net, self.nodes[node].x + pin, self.nodes[node].layer < channel)
        y = 0.0
        tops = []
        for layer in range(self.count + 1):
            tops.append(y)
            y += self.channels[layer].arrange(edge=layer in (0, self.count))
            if layer < self.count:
                for node in self.rows[layer]:
                    self.nodes[node].y = y
                y += max(self.nodes[node].height for node in self.rows[layer]) if self.rows[layer] else 0.0
        wires = [self.corners(wire, steps, tops) for wire, steps in zip(self.wires, self.routes)]
        edges = [point[0] for corners in wires for point in corners]
        width = max([node.x + node.width for node in self.nodes] + edges, default=0.0)
        return Placement(width, y, [(node.x, node.y) for node in self.nodes[:len(self.items)]], wires)

    def corners(self, wire: Wire, steps: Sequence[Step], tops: Sequence[float]) -> list[Point]:
        """The corners of a wire, from the bottom of a box to the top of one."""
        source, target = self.nodes[wire.source], self.nodes[wire.target]
        points = [(source.x + wire.source_pin, source.y + source.height)]
        for channel, a, a_pin, b, b_pin in steps:
            track = tops[channel] + self.channels[channel].track(wire.net)
            points += [(self.nodes[a].x + a_pin, track), (self.nodes[b].x + b_pin, track)]
        return [*points, (target.x + wire.target_pin, target.y)]


def inversions(values: Sequence[float]) -> int:
    """Pairs in the wrong order, by merging."""
    total, width, run = 0, 1, list(values)
    while width < len(run):
        merged: list[float] = []
        for start in range(0, len(run), 2 * width):
            left, right = run[start:start + width], run[start + width:start + 2 * width]
            i = j = 0
            while i < len(left) and j < len(right):
                if left[i] <= right[j]:
                    merged.append(left[i])
                    i += 1
                else:
                    merged.append(right[j])
                    total += len(left) - i
                    j += 1
            merged += left[i:] + right[j:]
        run, width = merged, 2 * width
    return total


def place(items: Sequence[Item], wires: Sequence[Wire]) -> Placement:
    """Lay out one level; the same input gives the same picture."""
    return Layers(items, wires).placement()
