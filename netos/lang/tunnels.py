"""Tunnels: the ports of compounds and groups, which vanish when connections are followed through them."""

from __future__ import annotations

from netos.errors import Location
from netos.lang.graph import Connection

MAX_STEPS = 3_000_000


class TooManyConnections(Exception):
    """Following all paths through the tunnels takes too long."""


class Tunnels:
    """Connections between nodes: elements of the flat graph (from 0 up), and both ends of tunnels (below 0)."""

    def __init__(self) -> None:
        self._count = 0
        self._plain: list[Connection] = []
        self._through: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(self) -> tuple[int, int]:
        """A new tunnel: the node where it is entered from outside, and the one where it is left."""
        self._count += 2
        return 1 - self._count, -self._count

    def link(self, source: int, source_port: int, target: int, target_port: int, location: Location) -> None:
        """Connect two nodes."""
        if source >= 0:
            self._plain.append(Connection(source, source_port, target, target_port, location))
        else:
            self._through.setdefault((source, source_port), []).append((target, target_port))

    def connections(self) -> list[Connection]:
        """The connections between elements, with every path through tunnels followed to its end."""
        found: list[Connection] = []
        steps = 0
        for connection in self._plain:
            if connection.target >= 0:
                found.append(connection)
                continue
            seen = {(connection.target, connection.target_port)}
            pending = list(seen)
            while pending:
                for target in self._through.get(pending.pop(), ()):
                    steps += 1
                    if target[0] >= 0:
                        found.append(Connection(connection.source, connection.source_port, *target,
                                                connection.location))
                    elif target not in seen:
                        seen.add(target)
                        pending.append(target)
                if steps > MAX_STEPS:
                    raise TooManyConnections
        return found
