"""Build a graph from Python, for people who generate configurations.

    build = Builder()
    source = build("source", "InfiniteSource", limit=5, stop=True)
    counter = build("counter", "Counter")
    source >> counter >> build("sink", "Discard")
    classes = build("classes", "Classifier", ("12/0806", "20/0001"), "-")
    classes[1] >> counter[0]
    with build.router() as router: ...

A class is named, or given itself: a PyElement of your own needs no file.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from netos.errors import Location
from netos.handlers import text_of
from netos.lang import Graph
from netos.lang.quoting import quote
from netos.registry import Registry, default_registry
from netos.router import Router

NAME = re.compile(r"[A-Za-z0-9_@]+(?:/[A-Za-z0-9_@]+)*")
SPECIAL = re.compile(r"""[\s",'\\$()<>{}#;]|//|/\*""")


class Raw(str):
    """Configuration text that is passed on as it is, unquoted."""


def argument_text(value: object) -> str:
    """A Python value as a configuration in UTF-8 has it: text and bytes are quoted where they must be, Raw never is.

    A tuple or list is one argument of several words; an element is its name.
    """
    if isinstance(value, Node):
        return value.name
    if isinstance(value, tuple | list):
        return " ".join(argument_text(word) for word in value)
    text = text_of(value)
    if not isinstance(value, bytes):
        text = text.encode(errors="surrogateescape").decode("latin-1")
    if isinstance(value, Raw):
        return text
    plain = text.isascii() and text.isprintable() and not isinstance(value, bytes) and not SPECIAL.search(text)
    return text if text and plain else quote(text)


class Node:
    """An element to be, with the port at which `>>` leaves and enters it."""

    __iter__ = None     # having __getitem__ alone would make it an endless sequence

    def __init__(self, builder: Builder, index: int, name: str, port: int = 0) -> None:
        self.builder = builder
        self.index = index
        self.name = name
        self.port = port

    def __getitem__(self, port: int) -> Node:
        """The same element, at another port."""
        if not isinstance(port, int) or port < 0:
            raise ValueError(f"{self.name}: a port is a number from 0 on, not {port!r}")
        return Node(self.builder, self.index, self.name, port)

    def __rshift__(self, target: Node) -> Node:
        """Connect this output to that input; the result is the target at its port 0, for chains."""
        if not isinstance(target, Node):
            return NotImplemented
        if target.builder is not self.builder:
            raise ValueError(f"{self.name} and {target.name} belong to different builders")
        self.builder.graph.connect(self.index, self.port, target.index, target.port, caller(2))
        return target[0]

    def __repr__(self) -> str:
        return f"<{self.builder.graph.elements[self.index]}, port {self.port}>"


class Builder:
    """Collects elements and connections; calling it adds an element."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.graph = Graph()
        self.registry = registry if registry is not None else BuilderRegistry()
        self.nodes: dict[str, Node] = {}

    def __call__(self, name: str, element_class: str | type[Any], /, *arguments: object, **keywords: object) -> Node:
        """Add an element; strings among the arguments are quoted as needed (`Raw` ones are not).

        A keyword whose value is None is left out; one that is a word of Python may end in an underscore.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name an element: use letters, digits and _, and / between parts")
        if name in self.nodes:
            raise ValueError(f"there is an element '{name}' already")
        if not isinstance(element_class, str):
            known = self.registry.find(element_class.__name__)
            if known is not element_class and any(element.class_name == element_class.__name__
                                                  for element in self.graph.elements):
                raise ValueError(f"two classes are called {element_class.__name__}: rename one")
            self.registry.register(element_class)
            element_class = element_class.__name__
        texts = [argument_text(value) for value in arguments]
        texts += [f"{keyword.rstrip('_').upper()} {argument_text(value)}" for keyword, value in keywords.items()
                  if value is not None]
        self.nodes[name] = Node(self, self.graph.add(name, element_class, ", ".join(texts), caller(2)), name)
        return self.nodes[name]

    def __getitem__(self, name: str) -> Node:
        """The element called `name`, as far as it is built."""
        return self.nodes[name]

    def router(self, **options: Any) -> Router:
        """The router of what has been built, not yet initialised; options as Router's."""
        self.graph.sort_connections()
        return Router(self.graph, registry=self.registry, **options)


def caller(depth: int) -> Location:
    """Where in Python a method was called, for complaints about what it built."""
    frame = sys._getframe(depth)
    return Location(frame.f_code.co_filename, frame.f_lineno)


class BuilderRegistry(Registry):
    """All elements there are, and the classes this builder was given."""

    def find(self, name: str) -> type[Any] | None:
        return self._classes.get(name) or default_registry.find(name)
