"""Reading a whole configuration: text in, flat graph and diagnostics out, whatever the text."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from netos.errors import Diagnostic, Diagnostics
from netos.lang.blocks import Block
from netos.lang.context import Context
from netos.lang.expand import Expander
from netos.lang.graph import Graph
from netos.lang.parser import parse
from netos.lang.reader import BlockReader
from netos.lang.sources import SourceLines

PACKAGES = frozenset({"click", "netos", "userlevel"})


class ClassInfo(NamedTuple):
    """What the language needs to know of an element class: its three codes, as literals in Click's notation."""

    ports: str
    processing: str
    flow: str


def parse_config(text: str, filename: str, *, class_info: Callable[[str], ClassInfo | None],
                 class_names: Callable[[], Iterable[str]], definitions: Mapping[str, str] | None = None,
                 search_path: Sequence[str] = (),
                 has_package: Callable[[str], bool] = PACKAGES.__contains__) -> tuple[Graph, Diagnostics]:
    """Read a configuration; never raises for a bad one.

    `text` is latin-1, one character a byte. `definitions` are the command line's NAME=VALUE, which override `define`
    at the top level. `search_path` is CLICKPATH, for libraries; `has_package` answers `require(package …)`.
    """
    diagnostics = Diagnostics()
    context = Context(diagnostics, SourceLines(), lambda name: class_info(name) is not None, class_names, search_path,
                      has_package)
    # Everything made here stays until the end: collecting garbage in between finds none, and takes most of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return read_graph(text, filename, context, definitions or {}), diagnostics
    finally:
        if collecting:
            gc.enable()


def read_graph(text: str, filename: str, context: Context, definitions: Mapping[str, str]) -> Graph:
    """The flat graph of a text; complaints go to the context."""
    source = context.sources.add(text, filename)
    root = Block(None, source.location(0))
    statements = parse(source, context.diagnostics)
    context.lossy = context.diagnostics.has_errors
    BlockReader(context, root, filename).statements(statements)
    root.name_anonymous()
    if len(context.sources.sources) == 1 and not source.redirected:
        sort_diagnostics(context.diagnostics)
    return Expander(context).expand(root, definitions)


def sort_diagnostics(diagnostics: Diagnostics) -> None:
    """Put complaints in reading order, as if one pass had made them; notes stay behind what they are about."""
    groups: list[list[Diagnostic]] = []
    for entry in diagnostics:
        if entry.severity == "note" and groups:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    groups.sort(key=lambda group: (group[0].location.line, group[0].location.column))
    diagnostics.entries[:] = [entry for group in groups for entry in group]
