"""The flat graph: elements by index and the connections between their ports, as Click's router holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netos.errors import Location
from netos.lang.nodes import Name, Text
from netos.lang.quoting import Mark
from netos.lang.sources import SourceLines

NOWHERE = Location("<graph>")


class Use(NamedTuple):
    """The use of a compound element, and the use around that."""

    name: str
    class_name: str
    location: Location
    outer: Use | None


class Origin(NamedTuple):
    """How an element was written: its class, its configuration string, and what became of that.

    `configuration` is the string with its variables replaced, as `marks` say; `use` is the compound around it.
    """

    kind: Name | None
    text: Text | None
    configuration: str
    marks: Sequence[Mark]
    use: Use | None


class GraphElement:
    """An element of the flat graph; its configuration string has its variables replaced.

    `origin` is None for an element that was made in another way than by a configuration text.
    """

    __slots__ = ("class_name", "configuration", "location", "name", "origin")

    def __init__(self, name: str, class_name: str, configuration: str = "", location: Location = NOWHERE,
                 origin: Origin | None = None) -> None:
        self.name = name
        self.class_name = class_name
        self.configuration = configuration
        self.location = location
        self.origin = origin

    def __str__(self) -> str:
        return f"{self.name} :: {self.class_name}"


class Connection(NamedTuple):
    """An output port connected to an input port; `source` and `target` are indices of elements."""

    source: int
    source_port: int
    target: int
    target_port: int
    location: Location = NOWHERE

    @property
    def key(self) -> tuple[int, int, int, int]:
        """What Click's router sorts connections by: the input, then the output."""
        return self.target, self.target_port, self.source, self.source_port


class Graph:
    """A configuration after all compound elements, groups and variables are gone.

    What errors found on the way here leave behind: `doubtful` are the elements whose class is not known, `dangling`
    the ports (element, port, whether an output) whose connections end in a compound's missing port, and `incomplete`
    says that connections were lost altogether. Nothing further is made of any of these.
    """

    def __init__(self) -> None:
        self.elements: list[GraphElement] = []
        self.connections: list[Connection] = []
        self.requirements: list[tuple[str, str]] = []
        self.source_lines = SourceLines()
        self.incomplete = False
        self.doubtful: set[int] = set()
        self.dangling: set[tuple[int, int, bool]] = set()
        self._indices: dict[str, int] = {}

    def add(self, name: str, class_name: str, configuration: str = "", location: Location = NOWHERE,
            origin: Origin | None = None) -> int:
        """Add an element; its index."""
        self.elements.append(GraphElement(name, class_name, configuration, location, origin))
        self._indices.setdefault(name, len(self.elements) - 1)
        return len(self.elements) - 1

    def connect(self, source: int, source_port: int, target: int, target_port: int,
                location: Location = NOWHERE) -> None:
        """Connect an output port to an input port."""
        self.connections.append(Connection(source, source_port, target, target_port, location))

    def index(self, name: str) -> int | None:
        """The index of the element that was added under that name."""
        return self._indices.get(name)

    def sort_connections(self) -> None:
        """Put the connections in the router's order and drop repeated ones."""
        unique: dict[tuple[int, int, int, int], Connection] = {}
        for connection in self.connections:
            unique.setdefault(connection.key, connection)
        self.connections = [unique[key] for key in sorted(unique)]
