"""Blocks: a scope of the configuration with its names resolved, and the element classes there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from netos.errors import Location
from netos.lang.nodes import Formal, Name, Text

REST = "__REST__"

_keyword = re.compile(r"([A-Za-z_][A-Za-z0-9_:.?!]*)[ \t\n\v\f\r]+(.+)", re.DOTALL)


class BaseClass(NamedTuple):
    """A class the language knows by name only; `known` is false for one that does not exist."""

    name: str
    known: bool = True


class CompoundClass:
    """A compound class: its alternatives, then the class it extends, in the order they are tried."""

    def __init__(self, name: str, blocks: list[Block], extended: ElementType | None) -> None:
        self.name = name
        self.blocks = blocks
        self.extended = extended


class Pseudo(NamedTuple):
    """The `input` (or `output`) of the group at index `group`, or of the compound where that is None."""

    output: bool
    group: int | None


class GroupType(NamedTuple):
    """An element group, with the ports it has inside; its `input` and `output` follow it in the block."""

    inputs: int = 0
    outputs: int = 0


ElementType = BaseClass | CompoundClass


class BlockElement:
    """An element of a block; while the block is open, the name of an anonymous one is only the wish `number`.

    `configuration` and `class_name` are as they were written, None where nothing was.
    """

    __slots__ = ("class_name", "configuration", "inputs_used", "location", "name", "number", "outputs_used", "type")

    def __init__(self, name: str, kind: ElementType | Pseudo | GroupType, location: Location,
                 class_name: Name | None = None, configuration: Text | None = None, number: int = 0) -> None:
        self.name = name
        self.type = kind
        self.configuration = configuration
        self.class_name = class_name
        self.location = location
        self.number = number
        self.inputs_used: set[int] = set()
        self.outputs_used: set[int] = set()


class Link(NamedTuple):
    """A connection inside a block, between elements by index."""

    source: int
    source_port: int
    target: int
    target_port: int
    location: Location


class Block:
    """The top level, or one alternative of a compound class."""

    def __init__(self, parent: Block | None, location: Location, class_name: str = "",
                 formals: Sequence[Formal] = ()) -> None:
        self.parent = parent
        self.location = location
        self.class_name = class_name
        self.formals = formals
        self.elements: list[BlockElement] = []
        self.names: dict[str, int] = {}
        self.classes: dict[str, ElementType] = {}
        self.variables: dict[str, str] = {}
        self.links: list[Link] = []
        self.inputs = self.outputs = 0

    def find_class(self, name: str) -> ElementType | None:
        """The compound class or synonym of that name, seen from here."""
        block: Block | None = self
        while block is not None:
            if found := block.classes.get(name):
                return found
            block = block.parent
        return None

    def add(self, name: str, kind: ElementType | Pseudo | GroupType, location: Location,
            class_name: Name | None = None, configuration: Text | None = None) -> int:
        """Add an element that has a name."""
        self.elements.append(BlockElement(name, kind, location, class_name, configuration))
        return self.names.setdefault(name, len(self.elements) - 1)

    def add_anonymous(self, prefix: str, kind: ElementType | Pseudo | GroupType, location: Location,
                      class_name: Name | None = None, configuration: Text | None = None) -> int:
        """Add an element whose name, `prefix@N`, is settled when the block is complete."""
        unnumbered = 2 if self.parent is not None else 0
        number = len(self.elements) - unnumbered + 1
        self.elements.append(BlockElement(prefix, kind, location, class_name, configuration, number))
        return len(self.elements) - 1

    def name_anonymous(self) -> None:
        """Settle the names of anonymous elements: the next free number from the wanted one on."""
        bumped: dict[tuple[str, int], int] = {}
        for index, element in enumerate(self.elements):
            if element.number and not isinstance(element.type, Pseudo):
                wanted = (element.name, element.number)
                number = bumped.get(wanted, element.number)
                while f"{element.name}@{number}" in self.names:
                    number += 1
                bumped[wanted] = number + 1
                element.name = f"{element.name}@{number}"
                self.names[element.name] = index

    def assign(self, arguments: Sequence[str]) -> list[str] | None:
        """The value of each formal, or None if the arguments do not fit (`cp_assign_arguments`)."""
        keywords = {formal.keyword for formal in self.formals if formal.keyword and formal.keyword != REST}
        positional = sum(not formal.keyword for formal in self.formals)
        given: dict[str, str] = {}
        plain: list[str] = []
        for argument in arguments:
            match = _keyword.fullmatch(argument) if keywords else None
            if match and match.group(1) in keywords:
                given[match.group(1)] = match.group(2)
            else:
                plain.append(argument)
        takes_rest = any(formal.keyword == REST for formal in self.formals)
        if len(plain) < positional or len(given) < len(keywords) or (len(plain) > positional and not takes_rest):
            return None
        given[REST] = ", ".join(plain[positional:])
        values = iter(plain)
        return [given[formal.keyword] if formal.keyword else next(values) for formal in self.formals]

    def signature(self) -> str:
        """What this alternative takes, for messages: 'F(<arg>, KEY)[1 input, 1 output]'."""
        formals = [{"": "<arg>", REST: "..."}.get(formal.keyword, formal.keyword) for formal in self.formals]
        return signature(self.class_name + (f"({', '.join(formals)})" if formals else ""), 0, self.inputs, self.outputs)


def signature(name: str, arguments: int, inputs: int, outputs: int) -> str:
    """A use of a compound class, for messages: 'F[1 argument, 1 input, 2 outputs]'."""
    counts = [(arguments, "argument")] if arguments else []
    counts += [(inputs, "input"), (outputs, "output")]
    return f"{name}[{', '.join(f'{count} {what}' if count == 1 else f'{count} {what}s' for count, what in counts)}]"
