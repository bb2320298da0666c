"""A graph as DOT, for Graphviz: compound elements are clusters, pushes solid and pulls dashed, with port numbers."""

from __future__ import annotations

from collections.abc import Sequence

from netos.cli.graph_text import element_tooltip, is_pull, shortened, visible
from netos.lang import CheckedElement, Graph

MAX_TEXT = 40


def quoted(text: str) -> str:
    """A DOT string; Graphviz would read entities and escapes in it."""
    text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\t", " ") + '"'


class Writer:
    """Writes one graph."""

    def __init__(self, graph: Graph, ports: Sequence[CheckedElement], known: Sequence[bool]) -> None:
        self.graph = graph
        self.ports = ports
        self.known = known
        self.lines: list[str] = []

    def text(self) -> str:
        """The whole document."""
        self.lines = ["digraph netos {", '  node [shape=box, fontname="Helvetica", fontsize=11];',
                      '  edge [fontname="Helvetica", fontsize=8];']
        self.nodes()
        for connection in self.graph.connections:
            options = ['style="dashed"'] if is_pull(connection, self.ports) else []
            if len(self.ports[connection.source].outputs) > 1:
                options.append(f'taillabel="{connection.source_port}"')
            if len(self.ports[connection.target].inputs) > 1:
                options.append(f'headlabel="{connection.target_port}"')
            self.lines.append(f"  n{connection.source} -> n{connection.target}"
                              + (f" [{', '.join(options)}]" if options else "") + ";")
        return "\n".join([*self.lines, "}", ""])

    def nodes(self) -> None:
        """The elements, in the clusters of their compounds."""
        paths = [tuple(element.name.split("/")[:-1]) for element in self.graph.elements]
        first: dict[tuple[str, ...], int] = {}
        for index, path in enumerate(paths):
            for depth in range(len(path) + 1):
                first.setdefault(path[:depth], index)
        keys = [[first[path[:depth]] for depth in range(1, len(path) + 1)] for path in paths]
        inside: tuple[str, ...] = ()
        for index in sorted(range(len(paths)), key=lambda index: (keys[index], index)):
            path = paths[index]
            common = 0
            while common < min(len(inside), len(path)) and inside[common] == path[common]:
                common += 1
            self.close(inside, common)
            for depth in range(common, len(path)):
                indent = "  " * (depth + 1)
                self.lines += [f"{indent}subgraph cluster_{first[path[:depth + 1]]}_{depth} {{",
                               f"{indent}  label={quoted(visible(path[depth]))}; style=\"filled\"; color=\"#eef4fb\";"]
            inside = path
            self.node(index, "  " * (len(path) + 1))
        self.close(inside, 0)

    def close(self, inside: Sequence[str], depth: int) -> None:
        """Leave the clusters deeper than that."""
        self.lines += ["  " * level + "}" for level in range(len(inside), depth, -1)]

    def node(self, index: int, indent: str) -> None:
        """An element."""
        element = self.graph.elements[index]
        label = f"{shortened(element.name.rpartition('/')[2], MAX_TEXT)}\n{shortened(element.class_name, MAX_TEXT)}"
        tooltip = element_tooltip(element, self.known[index])
        unknown = "" if self.known[index] else ', color="red", style="dashed"'
        self.lines.append(f"{indent}n{index} [label={quoted(label)}, tooltip={quoted(tooltip)}{unknown}];")


def dot(graph: Graph, ports: Sequence[CheckedElement], known: Sequence[bool]) -> str:
    """The graph in the DOT language; `known` says which elements have a class."""
    return Writer(graph, ports, known).text()
