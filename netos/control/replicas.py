"""Replicas: the graphs of one configuration, one on each virtual CPU, asked and changed as if they were one.

They share nothing: each has its own elements, tables and device queues, and the kernel sends the packets of a flow to
the same one. `element.handler` speaks to all of them, `element.handler@K` to number K alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netos.control.access import split_replica
from netos.control.combine import combine
from netos.errors import ConfigError, Diagnostic, Diagnostics, HandlerError, Location
from netos.router import Router

if TYPE_CHECKING:
    from netos.handlers import Handler
    from netos.kernel.vcpu import VirtualCpu
    from netos.lang import Graph
    from netos.registry import Registry


class Replicas:
    """Routers of the same graph, number 0 first; most often there is only that one."""

    def __init__(self, routers: Sequence[Router]) -> None:
        self.routers = list(routers)
        self.router = self.routers[0]
        group = self.router.cpu.group
        if group is not None:
            for name in self.router.elements:
                siblings = [getattr(router[name], "siblings", None) for router in self.routers]
                for one in siblings:
                    if one is not None:
                        one.introduce(group.mailboxes, siblings)

    @classmethod
    def build(cls, graph: Graph, cpus: Sequence[VirtualCpu], *, registry: Registry, diagnostics: Diagnostics,
              widen: int = 0) -> Replicas:
        """A router on each of the virtual CPUs, not yet initialised; raises ConfigError with what is wrong."""
        if len(cpus) > 1:
            refuse_unreplicable(graph, registry, diagnostics)
        routers: list[Router] = []
        try:
            for cpu in cpus:        # what is to be said, the first one says
                routers.append(Router(graph, cpu=cpu, registry=registry, widen=widen,
                                      diagnostics=Diagnostics() if routers else diagnostics))
        except BaseException:
            for router in routers:
                router.close()
            raise
        return cls(routers)

    def initialize(self) -> Replicas:
        """Initialise all of them; when one refuses, let go of all and raise ConfigError."""
        for router in self.routers:
            try:
                router.initialize()
            except BaseException:
                self.close()
                raise
        return self

    def close(self) -> None:
        """Take all of them apart, while nothing runs; harmless when called twice."""
        for router in self.routers:
            for element in router.elements.values() if router.cpu.group is not None else ():
                siblings = getattr(element, "siblings", None)
                if siblings is not None:
                    siblings.part()
        for router in self.routers:
            router.close()

    def suspend(self) -> None:
        """Read what they wrote each other, then stand still, so that others can take the devices; resume() goes on."""
        group = self.router.cpu.group
        if group is not None:
            group.deliver()
        for router in self.routers:
            router.suspend()

    def resume(self) -> None:
        """Take the devices back and go on."""
        for router in self.routers:
            router.resume()

    def take_state(self, old: Replicas) -> None:
        """Take over from replicas that stand still, each from that on its virtual CPU."""
        for router, before in zip(self.routers, old.routers):
            router.take_state(before)

    # Handlers

    def chosen(self, path: str) -> tuple[str, Sequence[Router]]:
        """The handler's own path, and who is meant: all, or with @K at its end number K."""
        all_of_them, number = split_replica(path)
        if number is None or self.handler(path) is not None:
            return path, self.routers
        if number >= len(self.routers):
            raise HandlerError(f"{path}: there is no replica {number}, only 0 to {len(self.routers) - 1}")
        return all_of_them, [self.routers[number]]

    def handler(self, path: str) -> Handler | None:
        """The handler of a path, which need not be there."""
        return self.router.find_handler(*self.router.split_handler(path))

    def read(self, path: str, argument: str = "") -> str:
        """What a read handler answers, combined; raises HandlerError."""
        path, routers = self.chosen(path)
        if len(routers) == 1:
            return routers[0].read(path, argument)
        answers = [router.read(path, argument) for router in routers]
        handler = self.handler(path)
        assert handler is not None
        return combine(handler, answers)

    def write(self, path: str, text: str = "") -> None:
        """Write to a handler of all; raises HandlerError, and then nothing has changed, or it says where."""
        path, routers = self.chosen(path)
        handler = self.handler(path)
        if handler is not None and handler.combine == "any":
            write_any(routers, path, text)
            return
        for number, router in enumerate(routers):
            try:
                router.write(path, text)
            except HandlerError as error:
                if number == 0:
                    raise
                raise HandlerError(f"{error} (replica {number}; it has been done in those before)") from None

    def halt(self) -> None:
        """End the run of all."""
        for router in self.routers:
            router.halt()
            router.cpu.ended()      # a driver script runs on to its end

    # Counts

    @property
    def balance(self) -> dict[str, int]:
        """How packets came and went, in all."""
        return sums([router.cpu.balance for router in self.routers])

    @property
    def drops(self) -> dict[str, dict[str, int]]:
        """Packets dropped, by element and reason."""
        found: dict[str, dict[str, int]] = {}
        for router in self.routers:
            for name, counts in router.drops.items():
                found[name] = sums([found.get(name, {}), counts])
        return found

    @property
    def offloads(self) -> dict[str, tuple[int, int]]:
        """Done in software, by element that could not take it: (packets segmented, checksums completed)."""
        found: dict[str, tuple[int, int]] = {}
        for router in self.routers:
            for name, counts in router.offloads.items():
                before = found.get(name, (0, 0))
                found[name] = before[0] + counts[0], before[1] + counts[1]
        return found


def write_any(routers: Sequence[Router], path: str, text: str) -> None:
    """Write to a handler of all, of which one has to take it; raises HandlerError when none does."""
    errors: list[HandlerError] = []
    for router in routers:
        try:
            router.write(path, text)
        except HandlerError as error:
            errors.append(error)
    if len(errors) == len(routers):
        raise errors[0]


def sums(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Dictionaries of counts as one."""
    found: dict[str, int] = {}
    for each in counts:
        for name, value in each.items():
            found[name] = found.get(name, 0) + value
    return found


def refuse_unreplicable(graph: Graph, registry: Registry, diagnostics: Diagnostics) -> None:
    """Complain of elements that cannot have replicas: their class says why, in the literal `unreplicable`."""
    for declared in graph.elements:
        kind: Any = registry.find(declared.class_name)
        reason = getattr(kind, "unreplicable", "")
        if reason:
            diagnostics.append(Diagnostic(
                "error", f"{declared.class_name} cannot be on several virtual CPUs: {reason}; run without --jobs",
                declared.location or Location("config"), max(len(declared.class_name), 1)))
    if diagnostics.has_errors:
        raise ConfigError(diagnostics)
