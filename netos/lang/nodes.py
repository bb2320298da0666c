"""The syntax tree of a configuration (doc/click.y): what was written, before names mean anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from netos.errors import Location


@dataclass(slots=True)
class Name:
    """An identifier where it was written."""

    text: str
    location: Location


@dataclass(slots=True)
class Text:
    """A configuration string, without its parentheses."""

    text: str
    location: Location


@dataclass(slots=True)
class Ports:
    """A port list in brackets; an expandable one goes on after its last port as far as needed."""

    numbers: list[int]
    expandable: bool
    location: Location
    length: int


@dataclass(slots=True)
class Element:
    """An element in a connection: a reference, a declaration, an anonymous element or a group.

    `name` alone is a reference or an anonymous element, which only the scope can tell. `body` is a class (`Name`,
    `Compound`) or a `Group`; without name and body the element is the implicit `input` or `output`.
    """

    location: Location
    name: Name | None = None
    body: Name | Compound | Group | None = None
    configuration: Text | None = None
    inputs: Ports | None = None
    outputs: Ports | None = None

    @property
    def implicit(self) -> bool:
        """Whether nothing but ports, or not even those, stands here."""
        return self.name is None and self.body is None


@dataclass(slots=True)
class Connector:
    """An arrow, `->` or `=>`."""

    text: str
    location: Location


@dataclass(slots=True)
class Chain:
    """A connection or declaration: lists of elements with arrows between them."""

    location: Location
    stages: list[list[Element]] = field(default_factory=list)
    connectors: list[Connector] = field(default_factory=list)


@dataclass(slots=True)
class ElementClass:
    """`elementclass NAME { … }`, or `elementclass NAME EXISTING`."""

    name: Name
    body: Name | Compound


@dataclass(slots=True)
class Require:
    """`require(…)`."""

    text: Text


@dataclass(slots=True)
class Define:
    """`define(…)`."""

    text: Text


Statement = Chain | ElementClass | Require | Define


@dataclass(slots=True)
class Formal:
    """A parameter of a compound element: positional when `keyword` is empty."""

    keyword: str
    variable: str
    location: Location


@dataclass(slots=True)
class Body:
    """One alternative of a compound element."""

    location: Location
    formals: list[Formal]
    statements: list[Statement]


@dataclass(slots=True)
class Compound:
    """`{ … || … }`; with `extends` (a last alternative `...`) it adds to the earlier class of its name."""

    location: Location
    bodies: list[Body]
    extends: bool = False


@dataclass(slots=True)
class Group:
    """`( … )`: statements of the scope around it, with an `input` and `output` of their own."""

    location: Location
    statements: list[Statement]
