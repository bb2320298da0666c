"""Lay out a graph for a picture: compound elements are boxes in boxes, each level laid out by itself.

What crosses the edge of a compound gets a pin on that edge, so that a level sees its compounds as elements with pins.
Parts of a level that no wire connects are packed in shelves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netos.cli.layout_layers import Item, Placement, Point, Wire, place
from netos.cli.layout_places import Net
from netos.lang import Graph

PADDING, TITLE = 12.0, 20.0
SHELF_SPACE = 26.0
ASPECT = 1.6                # width to height wanted of what is packed in shelves

Path = tuple[str, ...]
End = tuple[str, int]       # "element", its index; "box", the index of a compound


@dataclass(slots=True)
class Box:
    """An element or a compound; x and y are absolute once the layout is done."""

    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Compound(Box):
    """What lies in one compound element; the root is the whole picture."""

    path: Path = ()
    elements: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)              # compounds, by index
    wires: list[tuple[End | None, End | None, Net, int]] = field(default_factory=list)  # None: the edge; connection
    entries: dict[Net, float] = field(default_factory=dict)     # pins, from the left edge
    exits: dict[Net, float] = field(default_factory=dict)


@dataclass(slots=True)
class Layout:
    """The whole picture: boxes of elements by index, compounds from the outside in, corners of each connection."""

    width: float
    height: float
    elements: list[Box]
    compounds: list[Compound]
    connections: list[list[Point]]


class Planner:
    """Lays out the levels from the inside out, then says where everything is."""

    def __init__(self, graph: Graph, sizes: Sequence[tuple[float, float]], ports: Sequence[tuple[int, int]]) -> None:
        self.graph = graph
        self.ports = ports
        self.boxes = [Box(width, height) for width, height in sizes]
        self.compounds = [Compound()]
        self.homes: list[int] = []
        known: dict[Path, int] = {(): 0}
        for index, element in enumerate(graph.elements):
            path = tuple(element.name.split("/")[:-1])
            for depth in range(1, len(path) + 1):
                if path[:depth] not in known:
                    known[path[:depth]] = len(self.compounds)
                    self.compounds[known[path[:depth - 1]]].inner.append(len(self.compounds))
                    self.compounds.append(Compound(path=path[:depth]))
            self.homes.append(known[path])
            self.compounds[known[path]].elements.append(index)
        self.known = known
        self.sources: set[End] = set()
        for index, (inputs, outputs) in enumerate(ports):
            if outputs and not inputs:
                path = self.compounds[self.homes[index]].path
                self.sources.add(("element", index))
                self.sources.update(("box", known[path[:depth]]) for depth in range(1, len(path) + 1))
        self.pieces: list[list[tuple[int, int]]] = []       # of each connection: compound, number of its wire there
        self.placements: list[list[list[Point]]] = [[] for _ in self.compounds]
        self.offsets: list[dict[End, Point]] = [{} for _ in self.compounds]

    def split(self) -> None:
        """Cut each connection into the wires it is on each level it crosses."""
        for number, connection in enumerate(self.graph.connections):
            net = connection.target, connection.target_port
            source = self.compounds[self.homes[connection.source]].path
            target = self.compounds[self.homes[connection.target]].path
            common = 0
            while common < min(len(source), len(target)) and source[common] == target[common]:
                common += 1
            pieces = []
            end: End = ("element", connection.source)
            for depth in range(len(source), common, -1):
                level = self.known[source[:depth]]
                pieces.append(self.add_wire(level, end, None, net, number))
                end = ("box", level)
            for depth in range(common, len(target) + 1):
                way_in: End = ("element", connection.target)
                if depth < len(target):
                    way_in = "box", self.known[target[:depth + 1]]
                pieces.append(self.add_wire(self.known[target[:depth]], end if depth == common else None, way_in, net,
                                            number))
            self.pieces.append(pieces)

    def add_wire(self, level: int, source: End | None, target: End | None, net: Net, number: int) -> tuple[int, int]:
        """Add a wire to a level."""
        self.compounds[level].wires.append((source, target, net, number))
        return level, len(self.compounds[level].wires) - 1

    def pin(self, end: End, net: Net, number: int, output: bool) -> float:
        """Where a wire meets a box, from its left edge."""
        kind, index = end
        if kind == "box":
            return (self.compounds[index].exits if output else self.compounds[index].entries)[net]
        connection = self.graph.connections[number]
        port = connection.source_port if output else connection.target_port
        count = max(self.ports[index][output], port + 1)
        return self.boxes[index].width * (port + 1) / (count + 1)

    def lay_out(self, level: int) -> None:
        """Lay out one level whose inner compounds are laid out."""
        compound = self.compounds[level]
        ends: list[End] = [("element", index) for index in compound.elements]
        ends += [("box", index) for index in compound.inner]
        boxes: list[Box] = [self.boxes[index] if kind == "element" else self.compounds[index] for kind, index in ends]
        items = [Item(box.width, box.height, source=end in self.sources) for end, box in zip(ends, boxes)]
        at = {end: number for number, end in enumerate(ends)}
        entries: dict[Net, int] = {}
        exits: dict[Net, int] = {}
        wires = []
        for source, target, net, number in compound.wires:
            if source is None and net not in entries:
                entries[net] = len(items)
                items.append(Item(0.0, 0.0, first=True))
            if target is None and net not in exits:
                exits[net] = len(items)
                items.append(Item(0.0, 0.0, last=True))
            wires.append(Wire(entries[net] if source is None else at[source],
                              0.0 if source is None else self.pin(source, net, number, True),
                              exits[net] if target is None else at[target],
                              0.0 if target is None else self.pin(target, net, number, False), net))
        corners, lines, width, height = pack(items, wires)
        left, top, title = (0.0, 0.0, 0.0) if level == 0 else (PADDING, TITLE, 9.0 + 7.5 * len(compound.path[-1]))
        compound.width, compound.height = max(width + 2 * left, title), height + (top + PADDING if level else 0.0)
        for number, end in enumerate(ends):
            self.offsets[level][end] = corners[number][0] + left, corners[number][1] + top
        compound.entries = {net: corners[item][0] + left for net, item in entries.items()}
        compound.exits = {net: corners[item][0] + left for net, item in exits.items()}
        for (source, target, _, _), line in zip(compound.wires, lines):
            points = [(x + left, y + top) for x, y in line]
            if source is None:
                points.insert(0, (points[0][0], 0.0))
            if target is None:
                points.append((points[-1][0], compound.height))
            self.placements[level].append(points)

    def layout(self) -> Layout:
        """Everything, with absolute places."""
        self.split()
        for level in reversed(range(len(self.compounds))):
            self.lay_out(level)
        for level, compound in enumerate(self.compounds):
            for (kind, index), (x, y) in self.offsets[level].items():
                box = self.boxes[index] if kind == "element" else self.compounds[index]
                box.x, box.y = compound.x + x, compound.y + y
        lines = []
        for pieces in self.pieces:
            line: list[Point] = []
            for level, number in pieces:
                base = self.compounds[level]
                line += [(base.x + x, base.y + y) for x, y in self.placements[level][number]]
            lines.append(line)
        return Layout(self.compounds[0].width, self.compounds[0].height, self.boxes, self.compounds[1:], lines)


def components(items: Sequence[Item], wires: Sequence[Wire]) -> list[list[int]]:
    """Items that wires connect belong together, and so do all that lead to the edge of a compound; those come first."""
    parent = list(range(len(items)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    edge = [item for item, box in enumerate(items) if box.first or box.last]
    for one, other in [*((wire.source, wire.target) for wire in wires), *((edge[0], item) for item in edge)]:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    found: dict[int, list[int]] = {}
    for item in range(len(items)):
        found.setdefault(root(item), []).append(item)
    return sorted(found.values(), key=lambda part: not edge or root(part[0]) != root(edge[0]))


def pack(items: Sequence[Item], wires: Sequence[Wire]) -> tuple[list[Point], list[list[Point]], float, float]:
    """Lay out the parts of a level each by itself and put them together: corners, lines, width, height."""
    parts = components(items, wires)
    belongs = {item: number for number, part in enumerate(parts) for item in part}
    inside: list[list[int]] = [[] for _ in parts]
    for number, wire in enumerate(wires):
        inside[belongs[wire.source]].append(number)
    placements: list[Placement] = []
    for part, numbers in zip(parts, inside):
        local = {item: index for index, item in enumerate(part)}
        placements.append(place([items[item] for item in part], [
            Wire(local[wires[number].source], wires[number].source_pin, local[wires[number].target],
                 wires[number].target_pin, wires[number].net) for number in numbers]))
    fixed = 1 if any(item.first or item.last for item in items) else 0
    places, width, height = shelves(placements, fixed)
    corners: list[Point] = [(0.0, 0.0)] * len(items)
    lines: list[list[Point]] = [[] for _ in wires]
    for part, numbers, placement, (x, y) in zip(parts, inside, placements, places):
        for item, corner in zip(part, placement.corners):
            corners[item] = corner[0] + x, corner[1] + y
        for number, line in zip(numbers, placement.wires):
            lines[number] = [(point[0] + x, point[1] + y) for point in line]
    return corners, lines, width, height


def shelves(placements: Sequence[Placement], fixed: int) -> tuple[list[Point], float, float]:
    """Places for the parts, the tallest first, in rows; a `fixed` first part keeps the left side for itself."""
    places: list[Point] = [(0.0, 0.0)] * len(placements)
    left = sum(placement.width + SHELF_SPACE for placement in placements[:fixed])
    area = sum((placement.width + SHELF_SPACE) * (placement.height + SHELF_SPACE) for placement in placements[fixed:])
    limit = max([placement.width for placement in placements[fixed:]] + [(area * ASPECT) ** 0.5])
    x = y = depth = width = 0.0
    for number in sorted(range(fixed, len(placements)), key=lambda number: -placements[number].height):
        placement = placements[number]
        if x and x + placement.width > limit:
            x, y, depth = 0.0, y + depth + SHELF_SPACE, 0.0
        places[number] = left + x, y
        x += placement.width + SHELF_SPACE
        depth = max(depth, placement.height)
        width = max(width, left + x - SHELF_SPACE)
    if fixed:
        width = max(width, placements[0].width)
    return places, width, max([y + depth] + [placement.height for placement in placements[:fixed]])


def lay_out(graph: Graph, sizes: Sequence[tuple[float, float]], ports: Sequence[tuple[int, int]]) -> Layout:
    """The layout of a graph whose elements have these sizes and (inputs, outputs)."""
    return Planner(graph, sizes, ports).layout()
