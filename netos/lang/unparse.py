"""Unparse: a flat graph as text, in Click's flat form (`Router::unparse`)."""

from __future__ import annotations

import re

from netos.lang.graph import Connection, Graph
from netos.lang.quoting import quote

_plain = re.compile(r"[A-Za-z0-9_@./+-]+")


def unparse(graph: Graph) -> str:
    """The configuration text of a flat graph."""
    return unparse_requirements(graph) + unparse_elements(graph) + unparse_connections(graph)


def unparse_requirements(graph: Graph) -> str:
    """`require(…);` lines and a blank line."""
    lines = []
    for kind, value in graph.requirements:
        word = value if _plain.fullmatch(value) else quote(value)
        lines.append(f"require({kind} {word});\n" if value else f"require({kind});\n")
    return "".join(lines) + "\n" if lines else ""


def unparse_elements(graph: Graph) -> str:
    """`name :: Class(configuration);` lines and a blank line."""
    lines = [f"{element.name} :: {element.class_name}"
             + (f"({element.configuration})" if element.configuration else "") + ";\n" for element in graph.elements]
    return "".join(lines) + "\n" if lines else ""


def unparse_connections(graph: Graph) -> str:
    """Chains of connections; a chain goes on behind an element that it enters at port 0."""
    followers = _followers(graph.connections)
    starts = [True] * len(graph.connections)
    for follower in followers:
        if follower is not None:
            starts[follower] = False
    printed = [False] * len(graph.connections)
    lines: list[str] = []
    # Connections of a cycle all follow one another, so a second round starts chains wherever something is left.
    for start_anywhere in (False, True):
        for number in range(len(graph.connections)):
            if not printed[number] and (starts[number] or start_anywhere):
                lines.append(_chain(graph, number, followers, printed))
    return "".join(lines)


def _followers(connections: list[Connection]) -> list[int | None]:
    """For each connection the one that continues its chain: unclaimed, and best one that enters at port 0."""
    unclaimed: dict[int, tuple[list[int], list[int]]] = {}
    for number in reversed(range(len(connections))):
        connection = connections[number]
        if connection.source_port == 0:
            unclaimed.setdefault(connection.source, ([], []))[connection.target_port != 0].append(number)
    for _, others in unclaimed.values():
        others.reverse()
    followers: list[int | None] = []
    for number, connection in enumerate(connections):
        choices = unclaimed.get(connection.target, ()) if connection.target_port == 0 else ()
        followers.append(next((_claim(stack, number) for stack in choices if stack not in ([], [number])), None))
    return followers


def _claim(stack: list[int], number: int) -> int:
    """Take the top of a stack, but not `number` itself, which would follow itself."""
    return stack.pop(-2 if stack[-1] == number else -1)


def _chain(graph: Graph, number: int, followers: list[int | None], printed: list[bool]) -> str:
    """The text of the chain that starts with a connection."""
    first = graph.connections[number]
    parts = [graph.elements[first.source].name, f" [{first.source_port}]" if first.source_port else "", " -> "]
    current: int | None = number
    while current is not None and not printed[current]:
        printed[current] = True
        connection = graph.connections[current]
        if current != number:
            parts.append("\n    -> ")
        if connection.target_port:
            parts.append(f"[{connection.target_port}] ")
        parts.append(graph.elements[connection.target].name)
        current = followers[current]
    return "".join(parts) + ";\n"
