"""The edges of a running graph: what they are called, which port drives them, and which one somebody means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from netos.errors import NetosError
from netos.portpatch import driven_ports

if TYPE_CHECKING:
    from netos.element import Element
    from netos.router import Router

PORT = r"\[\s*(\d+)\s*\]"
NAME = r"([\w@/]+)"
LINK = re.compile(rf"\s*{NAME}\s*(?:{PORT})?\s*->\s*(?:{PORT})?\s*{NAME}\s*")
PLACE = re.compile(rf"\s*(?:{PORT})?\s*{NAME}\s*(?:{PORT})?\s*")


class Edge(NamedTuple):
    """A connection; `several` says whether its ends have other outputs and other inputs."""

    source: str
    output: int
    target: str
    input: int
    source_class: str
    target_class: str
    several: tuple[bool, bool]

    def __str__(self) -> str:
        return (f"{self.source}{f'[{self.output}]' if self.several[0] else ''} -> "
                f"{f'[{self.input}]' if self.several[1] else ''}{self.target}")


class Place(NamedTuple):
    """An edge and the port that drives it: what is to be patched."""

    edge: Edge
    element: Element
    side: Literal["input", "output"]
    port: int


def all_edges(router: Router) -> Iterator[Place]:
    """The edges of a graph, element by element."""
    ends: dict[tuple[int, str, int], Edge] = {}
    for link in router.graph.connections:
        source, target = router.order[link.source], router.order[link.target]
        edge = Edge(source.name, link.source_port, target.name, link.target_port, type(source).__name__,
                    type(target).__name__, (source.n_outputs > 1, target.n_inputs > 1))
        ends[link.source, "output", link.source_port] = ends[link.target, "input", link.target_port] = edge
    for number, element in enumerate(router.order):
        for side, port in driven_ports(element):
            edge_there = ends.get((number, side, port))
            if edge_there is not None:
                yield Place(edge_there, element, side, port)


def find_edges(router: Router, text: str) -> list[Place]:
    """The edges that `ELEMENT`, `ELEMENT[PORT]`, `[PORT]ELEMENT` or `ELEMENT -> ELEMENT` means; raises NetosError.

    An element without a port means its outputs, or its inputs where it has no output.
    """
    places = list(all_edges(router))
    if match := LINK.fullmatch(text):
        source, output, input_port, target = match.groups()
        known(router, source)
        known(router, target)
        found = [place for place in places if place.edge.source == source and place.edge.target == target
                 and output in (None, str(place.edge.output)) and input_port in (None, str(place.edge.input))]
        return found or refuse(text, source, [place.edge for place in places if place.edge.source == source])
    match = PLACE.fullmatch(text)
    if match is None:
        raise NetosError(f"'{text}' is no edge: write ELEMENT, ELEMENT[OUTPUT], [INPUT]ELEMENT or 'ELEMENT -> ELEMENT'")
    input_port, name, output = match.groups()
    known(router, name)
    outputs = [place for place in places if place.edge.source == name]
    inputs = [place for place in places if place.edge.target == name]
    if input_port is not None and output is not None:
        raise NetosError(f"'{text}' has two ports: [INPUT]ELEMENT is the edge into an input, "
                         "ELEMENT[OUTPUT] the one out of an output")
    if input_port is not None:
        found = [place for place in inputs if place.edge.input == int(input_port)]
    elif output is not None:
        found = [place for place in outputs if place.edge.output == int(output)]
    else:
        found = outputs or inputs
    return found or refuse(text, name, [place.edge for place in inputs + outputs])


def known(router: Router, name: str) -> None:
    """Refuse the name of no element."""
    if name not in router.elements:
        inside = [other for other in router.elements if other.startswith(f"{name}/")]
        if inside:
            raise NetosError(f"'{name}' is a compound element: name one of {', '.join(inside)}")
        from difflib import get_close_matches

        near = get_close_matches(name, router.elements, 3)
        raise NetosError(f"no element is called '{name}': " + (
            f"did you mean {' or '.join(near)}?" if near else "'netos read list' shows those that are"))


def refuse(text: str, name: str, edges: list[Edge]) -> NoReturn:
    """There is no such edge."""
    raise NetosError(f"there is no edge {text.strip()}: " + (
        "those of " + name + " are\n" + "\n".join(f"  {edge}" for edge in edges) if edges else f"{name} has none"))
