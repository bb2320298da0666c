"""Where the names in an argument are looked up: outward through the compound elements around it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Protocol

from netos.errors import ArgumentError, ArgumentErrors, NetosError


class Scope(Protocol):
    """What argument conversion asks the graph."""

    def database(self, kind: str, name: str) -> object | None:
        """What `name` means in the database of that kind (see netos.args.names), or None."""

    def element(self, name: str) -> object | None:
        """The element called `name` as seen from here, or None."""

    def warn(self, message: str | NetosError) -> None:
        """Tell the user something that is no error; what looks like one says which argument it is about."""


class EmptyScope:
    """A scope that knows only the names every configuration knows, and drops warnings."""

    def database(self, kind: str, name: str) -> object | None:
        from netos.args.wellknown import well_known

        return well_known(kind, name)

    def element(self, name: str) -> object | None:
        return None

    def warn(self, message: str | NetosError) -> None:
        pass


EMPTY_SCOPE = EmptyScope()


class Lookup(Protocol):
    """A name database: `NameDatabase` is one."""

    def lookup(self, kind: str, name: str, compound: str = "") -> object | None: ...


class GraphScope:
    """The scope of an element: `compound` is the path of the compound element it lies in ("" at top level).

    `refused` has the elements whose own arguments are wrong: they are not fit to be asked anything.
    """

    def __init__(self, names: Lookup, elements: Mapping[str, object], compound: str = "",
                 warn: Callable[[str | NetosError], None] = EMPTY_SCOPE.warn,
                 refused: Container[object] = ()) -> None:
        self.names = names
        self.elements = elements
        self.compound = compound
        self.refused = refused
        self._warn = warn

    def database(self, kind: str, name: str) -> object | None:
        return self.names.lookup(kind, name, self.compound)

    def element(self, name: str) -> object | None:
        for full_name in outward(self.compound, name):
            if full_name in self.elements:
                element = self.elements[full_name]
                if element in self.refused:
                    raise ArgumentError(f"'{name}' has wrong arguments itself")
                return element
        return None

    def warn(self, message: str | NetosError) -> None:
        self._warn(message)


class NotedElements(dict[str, object]):
    """The elements of a graph, as the arguments of the one called `name` see them: whom they name is noted."""

    def __init__(self, elements: Mapping[str, object], name: str, noted: list[tuple[str, object]]) -> None:
        super().__init__(elements)
        self.name = name
        self.noted = noted

    def __getitem__(self, name: str) -> object:
        element = super().__getitem__(name)
        self.noted.append((self.name, element))
        return element


class ReadingScope:
    """A scope while arguments are converted: it says which `argument` a warning is about."""

    def __init__(self, scope: Scope) -> None:
        self.database = scope.database
        self.element = scope.element
        self.argument = 0
        self._warn = scope.warn

    def warn(self, message: str | NetosError) -> None:
        self._warn(ArgumentErrors([ArgumentError(message)], [self.argument]) if isinstance(message, str) else message)


def outward(compound: str, name: str) -> Iterator[str]:
    """The full names that `name` may mean inside `compound`, the innermost first."""
    while compound:
        yield f"{compound}/{name}"
        compound = compound.rpartition("/")[0]
    yield name
