"""A graph as SVG, drawn without help: boxes in boxes, pushes solid and pulls dashed, details in tooltips."""

from __future__ import annotations

from collections.abc import Sequence

from netos.cli.graph_text import element_tooltip, is_pull, shortened, visible
from netos.cli.layout import Box, Compound, Layout, lay_out
from netos.cli.layout_layers import Point
from netos.lang import CheckedElement, Connection, Graph, GraphElement

NAME_SIZE, SMALL_SIZE, PORT_SIZE = 11.0, 9.0, 7.5
LINE, PORTS_LINE = 12.0, 8.0
MAX_TEXT = 30               # characters shown of a name, or of a class with its configuration
MARGIN, RADIUS = 16.0, 5.0
ENTITIES = ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\n", "&#10;"), ("\t", "&#9;")
TINTS = ("#eef4fb", "#f2f8ea", "#fdf4e6", "#f6effa")
STYLE = """
text { font-family: Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #1b1f24 }
.element rect { fill: #ffffff; stroke: #57606a; stroke-width: 1 }
.element.unknown rect { fill: #ffe9e7; stroke: #cf222e; stroke-dasharray: 4 2 }
.name { font-size: 11px; font-weight: bold; text-anchor: middle }
.class { font-size: 9px; fill: #57606a; text-anchor: middle }
.port { font-size: 7.5px; fill: #8250df; text-anchor: middle }
.compound rect { stroke: #8c959f; stroke-width: 1 }
.compound text { font-size: 12px; font-weight: bold; fill: #57606a }
.connection { fill: none; stroke: #3b6ea8; stroke-width: 1.3 }
.pull { stroke-dasharray: 5 3; stroke: #b35900 }
.connection:hover { stroke: #cf222e; stroke-width: 3 }
"""


def escape(text: str) -> str:
    """Text for an element or an attribute of XML."""
    for character, entity in ENTITIES:
        text = text.replace(character, entity)
    return text


def text_width(text: str, size: float) -> float:
    """About how wide a text is, on the safe side: the font is the viewer's."""
    return size * sum(0.34 if character in "iljt.,:;'|!()[]/ -" else 0.92 if character in "mwMW@%" or character > "\xff"
                      else 0.74 if character.isupper() else 0.6 for character in text)


def number(value: float) -> str:
    """A coordinate, with one decimal where it has one."""
    return f"{value:.1f}".removesuffix(".0")


class Label:
    """What stands in an element's box, and the size that takes."""

    def __init__(self, element: GraphElement, ports: CheckedElement) -> None:
        own = element.name.rpartition("/")[2]
        self.name = shortened(own, MAX_TEXT)
        anonymous = own.partition("@")[0] == element.class_name
        configuration = f"({element.configuration})" if element.configuration.strip() else ""
        self.kind = shortened(("" if anonymous else element.class_name) + configuration, MAX_TEXT)
        self.inputs = range(len(ports.inputs)) if len(ports.inputs) > 1 else range(0)
        self.outputs = range(len(ports.outputs)) if len(ports.outputs) > 1 else range(0)
        self.width = max(text_width(self.name, NAME_SIZE) * 1.08, text_width(self.kind, SMALL_SIZE),
                         13.0 * (1 + max(len(ports.inputs), len(ports.outputs))), 44.0) + 12
        self.height = 8 + LINE * (2 if self.kind else 1) + PORTS_LINE * (bool(self.inputs) + bool(self.outputs))


class Drawing:
    """The picture of one graph."""

    def __init__(self, graph: Graph, ports: Sequence[CheckedElement], known: Sequence[bool]) -> None:
        self.graph = graph
        self.ports = ports
        self.known = known
        self.labels = [Label(element, checked) for element, checked in zip(graph.elements, ports)]
        self.layout: Layout = lay_out(graph, [(label.width, label.height) for label in self.labels],
                                      [(len(checked.inputs), len(checked.outputs)) for checked in ports])

    def svg(self) -> str:
        """The whole document."""
        width, height = self.layout.width + 2 * MARGIN, self.layout.height + 2 * MARGIN
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
            f'viewBox="{number(-MARGIN)} {number(-MARGIN)} {number(width)} {number(height)}">',
            f"<style>{STYLE}</style>",
            f"<defs>{arrowhead('push', '#3b6ea8')}{arrowhead('pull', '#b35900')}</defs>",
            self.rectangle(Box(width, height, -MARGIN, -MARGIN), 0, ' fill="#ffffff"'),
        ]
        lines += [self.compound(compound) for compound in self.layout.compounds]
        lines += [self.connection(*both) for both in zip(self.graph.connections, self.layout.connections)]
        lines += [self.element(index) for index in range(len(self.graph.elements))]
        return "\n".join([*lines, "</svg>", ""])

    @staticmethod
    def rectangle(box: Box, radius: float, more: str = "") -> str:
        """A box."""
        return (f'<rect x="{number(box.x)}" y="{number(box.y)}" width="{number(box.width)}" '
                f'height="{number(box.height)}" rx="{number(radius)}"{more}/>')

    def compound(self, compound: Compound) -> str:
        """The box of a compound element, with its name."""
        tint = TINTS[(len(compound.path) - 1) % len(TINTS)]
        name = escape(visible("/".join(compound.path)))
        return (f'<g class="compound"><title>{name}</title>' + self.rectangle(compound, 6, f' fill="{tint}"')
                + f'<text x="{number(compound.x + 8)}" y="{number(compound.y + 14)}">'
                f'{escape(shortened(compound.path[-1], MAX_TEXT))}</text></g>')

    def element(self, index: int) -> str:
        """The box of an element: ports, name, class and configuration."""
        element, label, box = self.graph.elements[index], self.labels[index], self.layout.elements[index]
        middle = number(box.x + box.width / 2)
        y = box.y + (PORTS_LINE if label.inputs else 0) + 4 + LINE - 3
        parts = [f'<g class="element{"" if self.known[index] else " unknown"}">',
                 f"<title>{escape(element_tooltip(element, self.known[index]))}</title>", self.rectangle(box, 3),
                 f'<text class="name" x="{middle}" y="{number(y)}">{escape(label.name)}</text>']
        if label.kind:
            parts.append(f'<text class="class" x="{middle}" y="{number(y + LINE)}">{escape(label.kind)}</text>')
        for ports, at in (label.inputs, box.y + PORTS_LINE), (label.outputs, box.y + box.height - 2.5):
            parts += [f'<text class="port" x="{number(box.x + box.width * (port + 1) / (len(ports) + 1))}" '
                      f'y="{number(at)}">{port}</text>' for port in ports]
        return "".join([*parts, "</g>"])

    def connection(self, connection: Connection, points: Sequence[Point]) -> str:
        """The line of a connection, its corners rounded."""
        kind = "pull" if is_pull(connection, self.ports) else "push"
        title = (f"{self.graph.elements[connection.source].name} [{connection.source_port}] -> "
                 f"[{connection.target_port}] {self.graph.elements[connection.target].name} ({kind})")
        return (f'<path class="connection {kind}" marker-end="url(#{kind})" d="{rounded(points)}">'
                f"<title>{escape(visible(title))}</title></path>")


def arrowhead(name: str, colour: str) -> str:
    """What stands at the end of a line."""
    return (f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>')


def rounded(points: Sequence[Point]) -> str:
    """A path through the points: those in the middle of a straight line left out, corners rounded."""
    corners: list[Point] = []
    for point in points:
        while len(corners) > 1 and straight(corners[-2], corners[-1], point):
            corners.pop()
        if not corners or abs(corners[-1][0] - point[0]) + abs(corners[-1][1] - point[1]) > 0.05:
            corners.append(point)
    if len(corners) == 1:
        corners *= 2
    path = [f"M{number(corners[0][0])} {number(corners[0][1])}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:]):
        start, end = toward(corner, before), toward(corner, after)
        path.append(f"L{number(start[0])} {number(start[1])}Q{number(corner[0])} {number(corner[1])} "
                    f"{number(end[0])} {number(end[1])}")
    return "".join([*path, f"L{number(corners[-1][0])} {number(corners[-1][1])}"])


def straight(a: Point, b: Point, c: Point) -> bool:
    """Whether b lies on a vertical or horizontal line between a and c."""
    return any(abs(a[axis] - b[axis]) < 0.05 and abs(b[axis] - c[axis]) < 0.05
               and (a[1 - axis] - b[1 - axis]) * (b[1 - axis] - c[1 - axis]) >= 0 for axis in (0, 1))


def toward(corner: Point, other: Point) -> Point:
    """Where the rounding of a corner begins, on the way to the next."""
    x, y = other[0] - corner[0], other[1] - corner[1]
    length = max((x * x + y * y) ** 0.5, 0.001)
    share = min(RADIUS, length / 2) / length
    return corner[0] + x * share, corner[1] + y * share


def svg(graph: Graph, ports: Sequence[CheckedElement], known: Sequence[bool]) -> str:
    """The graph as an SVG document; `known` says which elements have a class."""
    return Drawing(graph, ports, known).svg()
