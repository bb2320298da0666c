"""Placement: on which virtual CPU each element of a graph works that runs on several threads (Click's --threads).

A task, a timer or a device runs on its home thread, number 0 unless StaticThreadSched says otherwise. What it reaches
by pushing and pulling, its thread reaches. An element that one thread reaches works with the packets of that one's
virtual CPU; those that several reach form a region, in which one thread is at a time. A `shared` element, such as a
Queue, has two sides: who pushes into it does not reach what pulls from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netos.crossing import Gate, has_timer, move
from netos.errors import ConfigError, Diagnostic, Location
from netos.pyelement import PyElement

if TYPE_CHECKING:
    from netos.element import Element
    from netos.kernel.threads import Threads
    from netos.kernel.vcpu import VirtualCpu
    from netos.router import Router

PUSH, PULL = "push", "pull"


def go_home(router: Router, threads: Threads) -> None:
    """Have the elements that were given a home begin there: their devices are opened on that virtual CPU."""
    for name, home in router.homes.items():
        move(router.elements[name], threads.cpus[home], threads.cpus[home])


def place(router: Router, threads: Threads) -> list[Gate]:
    """Move every element of an initialised graph to where it belongs; raises ConfigError. The gates are to be kept."""
    placement = Placement(router, threads)
    if problems := placement.check():
        router.diagnostics.extend(problems)
        router.close()
        raise ConfigError(router.diagnostics)
    return placement.apply()


class Placement:
    """The threads that reach each side of each element of an initialised graph."""

    def __init__(self, router: Router, threads: Threads) -> None:
        self.router = router
        self.threads = threads
        self.order = router.order
        self.reached: dict[tuple[Element, str], set[int]] = {
            (element, side): set() for element in self.order for side in (PUSH, PULL)}
        self.friends = self._friends()
        self._follow_tasks()
        self._follow_timers()

    def home(self, element: Element) -> int:
        """The thread that the element's task runs on."""
        return self.router.homes.get(element.name, 0)

    def of(self, element: Element) -> set[int]:
        """The threads that reach an element; of a shared one, those that push into it."""
        pushing = self.reached[element, PUSH]
        return pushing if element.shared else pushing | self.reached[element, PULL]

    # Who reaches what

    def _friends(self) -> dict[Element, list[Element]]:
        """Elements that work on the same data: one names the other, or both have one device."""
        friends: dict[Element, list[Element]] = {element: [] for element in self.order}
        pairs = [(self.router.elements.get(one), other) for one, other in self.router.references]
        readers: dict[int, Element] = {}
        for element in self.order:
            device = getattr(element, "device", None)
            if device is not None:
                pairs.append((element, readers.setdefault(id(device), element)))
        for one, other in pairs:
            if one in friends and other in friends and one is not other and not (one.shared or other.shared):
                friends[one].append(other)
                friends[other].append(one)
        return friends

    def _reach(self, element: Element, side: str, thread: int) -> None:
        waiting = [(element, side)]
        while waiting:
            element, side = waiting.pop()
            sides = (side,) if element.shared else (PUSH, PULL)
            if all(thread in self.reached[element, each] for each in sides):
                continue
            for each in sides:
                self.reached[element, each].add(thread)
            waiting += [(friend, PUSH) for friend in self.friends[element]]
            index = self.order.index(element)
            for link in self.router.graph.connections:
                source, target = self.order[link.source], self.order[link.target]
                pushed = source.output_processing[link.source_port] == "h"
                if link.source == index and pushed and PUSH in sides:
                    waiting.append((target, PUSH))
                elif link.target == index and not pushed and PULL in sides:
                    waiting.append((source, PULL))

    def _follow_tasks(self) -> None:
        for element in self.order:
            if element.uses_task or getattr(element, "device", None) is not None:
                self._reach(element, PUSH, self.home(element))

    def _follow_timers(self) -> None:
        """A timer runs where its element is reached from, unless it was given a home, or nobody else reaches it."""
        for element in self.order:
            if has_timer(element) and (element.name in self.router.homes or not self.of(element)):
                self._reach(element, PUSH, self.home(element))

    def check(self) -> list[Diagnostic]:
        """What is wrong: Python runs on thread 0 only."""
        return [Diagnostic("error", "is written in Python, which runs on thread 0 only, but thread "
                           f"{max(found)} reaches it: put a Queue between them, or give both thread 0",
                           element.location or Location("config"),
                           max(len(type(element).__name__), 1),
                           context=f"While placing '{element.name} :: {type(element).__name__}':")
                for element in self.order if isinstance(element, PyElement) and (found := self.of(element)) - {0}]

    def apply(self) -> list[Gate]:
        """Move every element to where it belongs; the gates of the region are the caller's to keep."""
        cpus, region = self.threads.cpus, self.threads.region
        inside = {element for element in self.order if len(self.of(element)) > 1}
        for element in self.order:
            threads = self.of(element) or {self.home(element)}
            explicit = element.uses_task or element.name in self.router.homes
            home = cpus[self.home(element) if explicit else min(threads)]
            cpu = region if element in inside else cpus[min(threads)]
            move(element, cpu, home)
            if element.shared:
                self._cross(element, cpus)
        return self._gates(inside, region)

    def _cross(self, element: Element, cpus: list[VirtualCpu]) -> None:
        pushing, pulling = self.reached[element, PUSH], self.reached[element, PULL]
        crossed = len(pushing | pulling) > 1 and pulling
        queue: Any = element
        queue.cross(cpus[min(pulling)] if crossed else None)

    def _gates(self, inside: set[Element], region: VirtualCpu) -> list[Gate]:
        gates = []
        for link in self.router.graph.connections:
            source, target = self.order[link.source], self.order[link.target]
            if source.output_processing[link.source_port] == "h":
                if target in inside and source not in inside:
                    gates.append(Gate(region))
                    gates[-1].insert(source, "output", link.source_port)
            elif source in inside and not source.shared and target not in inside:
                gates.append(Gate(region))
                gates[-1].insert(target, "input", link.target_port)
        return gates
