"""Reading configurations against a small made-up set of element classes."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import pytest

from netos.errors import Diagnostic
from netos.lang import ClassInfo, check_graph, parse_config, unparse

CLASSES = {
    "Idle": ClassInfo("-/-", "a/a", "x/y"),
    "Discard": ClassInfo("1/0", "a/a", "x/x"),
    "Null": ClassInfo("1/1", "a/a", "x/x"),
    "Paint": ClassInfo("1/1", "a/a", "x/x"),
    "Counter": ClassInfo("1/1", "a/a", "x/x"),
    "Queue": ClassInfo("1/1", "h/l", "x/x"),
    "Unqueue": ClassInfo("1/1", "l/h", "x/x"),
    "Tee": ClassInfo("1/-", "h/h", "x/x"),
    "Classifier": ClassInfo("1/-", "h/h", "x/x"),
    "RoundRobinSched": ClassInfo("-/1", "l/l", "x/x"),
    "CheckIPHeader": ClassInfo("1/1-2", "a/ah", "x/x"),
    "ICMPError": ClassInfo("1/1", "h/h", "x/x"),
    "ARPQuerier": ClassInfo("2/1-2", "h/h", "xy/x"),
    "Bypass": ClassInfo("-/=", "a/a", "#/#"),
    "Source": ClassInfo("0/1", "h/h", "x/x"),
    "Sink": ClassInfo("1/0", "l/l", "x/x"),
}


class Result(SimpleNamespace):
    """A configuration that was read and checked."""

    def complaints(self, severity: str = "error") -> list[str]:
        """The messages of that severity, of reading and of checking."""
        return [entry.message for entry in self.entries() if entry.severity == severity]

    def entries(self) -> list[Diagnostic]:
        """All diagnostics."""
        return [*self.diagnostics, *self.checked.diagnostics]

    def names(self) -> list[str]:
        """The names of the elements of the flat graph, in order."""
        return [element.name for element in self.graph.elements]

    def connections(self) -> list[str]:
        """The connections of the flat graph, in order, as 'a[0]->[0]b'."""
        names = self.names()
        return [f"{names[c.source]}[{c.source_port}]->[{c.target_port}]{names[c.target]}"
                for c in self.graph.connections]

    def configuration(self, name: str) -> str:
        """The configuration string of an element."""
        return self.graph.elements[self.names().index(name)].configuration

    def class_of(self, name: str) -> str:
        """The class of an element."""
        return self.graph.elements[self.names().index(name)].class_name


@pytest.fixture(scope="session")
def read() -> Callable[..., Result]:
    """Read a configuration text (by default as Click reads an expression) and check it."""

    def read(text: str, filename: str = "config", definitions: Mapping[str, str] = {},
             search_path: Sequence[str] = ()) -> Result:
        graph, diagnostics = parse_config(text, filename, class_info=CLASSES.get, class_names=lambda: CLASSES,
                                          definitions=definitions, search_path=search_path)
        checked = check_graph(graph, CLASSES.get)
        return Result(graph=graph, diagnostics=diagnostics, checked=checked, text=unparse(graph))

    return read
