"""The syntax tree of a configuration (doc/click.y): what was written, before names mean anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netos.errors import Location
from netos.lang.sources import Source


class Name(NamedTuple):
    """An identifier where it was written."""

    text: str
    location: Location


class Text(NamedTuple):
    """A configuration string, without its parentheses, and where it starts in its source.

    Behind each line directive in it there is a cut: where the text goes on (offset in it, offset in the source).
    """

    text: str
    source: Source
    start: int
    cuts: Sequence[tuple[int, int]] = ()

    @property
    def location(self) -> Location:
        """Where the text starts."""
        return self.source.location(self.start)

    def offset(self, position: int) -> int:
        """Where in the source a character of the text is; the end is where the closing parenthesis is."""
        at, start = 0, self.start
        for cut in self.cuts:
            if cut[0] <= position:
                at, start = cut
        return start + position - at


class Ports(NamedTuple):
    """A port list in brackets; an expandable one goes on after its last port as far as needed."""

    numbers: list[int]
    expandable: bool
    location: Location
    length: int


class Element:
    """An element in a connection: a reference, a declaration, an anonymous element or a group.

    `name` alone is a reference or an anonymous element, which only the scope can tell. `body` is a class (`Name`,
    `Compound`) or a `Group`; without name and body the element is the implicit `input` or `output`.
    """

    __slots__ = ("body", "configuration", "inputs", "location", "name", "outputs")

    def __init__(self, location: Location, inputs: Ports | None) -> None:
        self.location = location
        self.inputs = inputs
        self.name: Name | None = None
        self.body: Name | Compound | Group | None = None
        self.configuration: Text | None = None
        self.outputs: Ports | None = None

    @property
    def implicit(self) -> bool:
        """Whether nothing but ports, or not even those, stands here."""
        return self.name is None and self.body is None


class Connector(NamedTuple):
    """An arrow, `->` or `=>`."""

    text: str
    location: Location


class Chain:
    """A connection or declaration: lists of elements with arrows between them."""

    __slots__ = ("connectors", "stages")

    def __init__(self) -> None:
        self.stages: list[list[Element]] = []
        self.connectors: list[Connector] = []


class ElementClass(NamedTuple):
    """`elementclass NAME { … }`, or `elementclass NAME EXISTING`."""

    name: Name
    body: Name | Compound


class Require(NamedTuple):
    """`require(…)`."""

    text: Text


class Define(NamedTuple):
    """`define(…)`."""

    text: Text


Statement = Chain | ElementClass | Require | Define


class Formal(NamedTuple):
    """A parameter of a compound element: positional when `keyword` is empty."""

    keyword: str
    variable: str
    location: Location


class Body(NamedTuple):
    """One alternative of a compound element."""

    location: Location
    formals: list[Formal]
    statements: list[Statement]


class Compound:
    """`{ … || … }`; with `extends` (a last alternative `...`) it adds to the earlier class of its name."""

    __slots__ = ("bodies", "extends", "location")

    def __init__(self, location: Location) -> None:
        self.location = location
        self.bodies: list[Body] = []
        self.extends = False


class Group:
    """`( … )`: statements of the scope around it, with an `input` and `output` of their own."""

    __slots__ = ("location", "statements")

    def __init__(self, location: Location) -> None:
        self.location = location
        self.statements: list[Statement] = []
