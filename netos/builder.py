"""Build a graph from Python, for people who generate configurations.

    build = Builder()
    source = build("source", "InfiniteSource", LIMIT=5, STOP=True)
    counter = build("counter", "Counter")
    source >> counter >> build("sink", Discard)
    classes = build("classes", "Classifier", "12/0806", "-")
    classes[1] >> counter
    with build.router() as router: ...

A class is named, or given itself: a PyElement of your own needs no file.
"""

from __future__ import annotations

import sys
from typing import Any

from netos.errors import Location
from netos.handlers import text_of
from netos.lang import Graph
from netos.lang.quoting import quote
from netos.registry import Registry, default_registry
from netos.router import Router


class Raw(str):
    """Configuration text that is passed on as it is, unquoted."""


def argument_text(value: object) -> str:
    """A Python value as Click writes it: text and bytes are quoted where they must be, Raw never is."""
    if isinstance(value, Raw):
        return value
    text = text_of(value)
    plain = text and not isinstance(value, bytes) and not set(text) & set(" \t\r\n\",'\\$()<>{}") and text.isprintable()
    return text if plain else quote(text)


class Node:
    """An element to be, with the port at which `>>` leaves and enters it."""

    def __init__(self, builder: Builder, index: int, name: str, port: int = 0) -> None:
        self.builder = builder
        self.index = index
        self.name = name
        self.port = port

    def __getitem__(self, port: int) -> Node:
        """The same element, at another port."""
        return Node(self.builder, self.index, self.name, port)

    def __rshift__(self, target: Node) -> Node:
        """Connect this output to that input; the result is the target at its port 0, for chains."""
        self.builder.graph.connect(self.index, self.port, target.index, target.port)
        return target[0]


class Builder:
    """Collects elements and connections; calling it adds an element."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.graph = Graph()
        self.registry = registry or BuilderRegistry()

    def __call__(self, name: str, element_class: str | type[Any], /, *arguments: object, **keywords: object) -> Node:
        """Add an element; strings among the arguments are quoted as needed (`Raw` ones are not)."""
        if not isinstance(element_class, str):
            self.registry.register(element_class)
            element_class = element_class.__name__
        if self.graph.index(name) is not None:
            raise ValueError(f"there is an element '{name}' already")
        texts = [argument_text(value) for value in arguments]
        texts += [f"{keyword.upper()} {argument_text(value)}" for keyword, value in keywords.items()]
        frame = sys._getframe(1)
        location = Location(frame.f_code.co_filename, frame.f_lineno)
        return Node(self, self.graph.add(name, element_class, ", ".join(texts), location), name)

    def router(self, **options: Any) -> Router:
        """The router of what has been built, not yet initialised; options as Router's."""
        self.graph.sort_connections()
        return Router(self.graph, registry=self.registry, **options)


class BuilderRegistry(Registry):
    """All elements there are, and the classes this builder was given."""

    def find(self, name: str) -> type[Any] | None:
        return self._classes.get(name) or default_registry.find(name)
