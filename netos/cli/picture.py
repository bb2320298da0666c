"""A graph as text: chains of elements from each source, branches below; `--` pushes, `..` pulls."""

from __future__ import annotations

from collections import defaultdict

from netos.lang import Connection, Graph, check_graph
from netos.registry import default_registry


def label(graph: Graph, index: int) -> str:
    """An element by its name, and its class where the name does not tell."""
    element = graph.elements[index]
    return element.name if "@" in element.name else f"{element.name} :: {element.class_name}"


class Picture:
    """Walks a graph once, each element printed where it is first met."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.outgoing: dict[int, list[Connection]] = defaultdict(list)
        for connection in graph.connections:
            self.outgoing[connection.source].append(connection)
        for connections in self.outgoing.values():
            connections.sort(key=lambda connection: (connection.source_port, connection.target, connection.target_port))
        self.processing = [element.outputs for element in check_graph(graph, default_registry.class_info).elements]
        self.seen: set[int] = set()
        self.lines: list[str] = []

    def arrow(self, connection: Connection, several: bool) -> str:
        """The connection: its ports where they are not 0, and whether packets are pushed or pulled."""
        outputs = self.processing[connection.source]
        stroke = "." if outputs[connection.source_port:connection.source_port + 1] == "l" else "-"
        start = f"[{connection.source_port}]" if several else ""
        end = f"[{connection.target_port}] " if connection.target_port else ""
        return f"{start}{stroke}{stroke}> {end}"

    def walk(self, index: int, text: str, indent: str) -> None:
        """Print the chain that begins with an element; `text` is what stands in front of it."""
        pending: list[tuple[int, str, str]] = [(index, text, indent)]
        while pending:
            index, text, indent = pending.pop()
            while True:
                if index in self.seen:
                    self.lines.append(f"{text}({self.graph.elements[index].name})")
                    break
                self.seen.add(index)
                text += label(self.graph, index)
                connections = self.outgoing[index]
                if len(connections) != 1:
                    self.lines.append(text)
                    deeper = indent + "    "
                    pending.extend((connection.target, deeper + self.arrow(connection, True), deeper)
                                   for connection in reversed(connections))
                    break
                text += " " + self.arrow(connections[0], False)
                index = connections[0].target

    def draw(self) -> str:
        """The whole picture: what nothing leads to comes first, then what only loops lead to."""
        targets = {connection.target for connection in self.graph.connections}
        roots = [index for index in range(len(self.graph.elements)) if index not in targets]
        for index in [*roots, *range(len(self.graph.elements))]:
            if index not in self.seen:
                self.walk(index, "  ", "  ")
        return "\n".join(self.lines)


def picture(graph: Graph) -> str:
    """The graph as text."""
    return Picture(graph).draw()
