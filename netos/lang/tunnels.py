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
        self._steps = 0
        self._plain: list[Connection] = []
        self._through: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.dangling: set[tuple[int, int, bool]] = set()

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
        """The connections between elements, with every path through tunnels followed to its end.

        `dangling` are then the ports (element, port, whether an output) that lead into tunnels, but to no element.
        """
        found: list[Connection] = []
        self._steps = 0
        for connection in self._plain:
            if connection.target >= 0:
                found.append(connection)
                continue
            targets = self._follow(connection.target, connection.target_port)
            found += [connection._replace(target=target, target_port=port) for target, port in targets]
            if not targets:
                self.dangling.add((connection.source, connection.source_port, True))
        reached = {(connection.target, connection.target_port) for connection in found}
        self.dangling |= {(target, port, False) for targets in self._through.values() for target, port in targets
                          if target >= 0 and (target, port) not in reached}
        return found

    def _follow(self, node: int, port: int) -> list[tuple[int, int]]:
        """The input ports of elements that a port of a tunnel leads to."""
        targets: list[tuple[int, int]] = []
        seen = {(node, port)}
        pending = [(node, port)]
        while pending:
            for target in self._through.get(pending.pop(), ()):
                self._steps += 1
                if target[0] >= 0:
                    targets.append(target)
                elif target not in seen:
                    seen.add(target)
                    pending.append(target)
            if self._steps > MAX_STEPS:
                raise TooManyConnections
        return targets
