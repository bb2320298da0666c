"""Draining: nothing more comes in, and what is under way goes out, for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from netos.control.logs import event
from netos.errors import HandlerError, NetosError

if TYPE_CHECKING:
    from netos.router import Router

LOOK = 0.01         # seconds between two looks


class Drain:
    """Stops reception and sources, waits until no packet is held, at most so many seconds, and calls `done`."""

    def __init__(self, routers: Callable[[], Sequence[Router]], paused: Callable[[], AbstractContextManager[object]],
                 seconds: float, done: Callable[[], None]) -> None:
        self.routers = routers
        self.paused = paused
        self.seconds = seconds
        self.done = done
        self._until = self._began = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; the packets under way go on."""
        self._began = loop.time()
        self._until = self._began + self.seconds
        with self.paused():
            for router in self.routers():
                stop_sources(router)
                router.cpu.stopped = False
                router.cpu.wake()
        self._look(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        with self.paused():
            held = sum(router.cpu.balance["held"] for router in self.routers())
            left = [pair for router in self.routers() for pair in queued(router)] if held else []
        now = loop.time()
        if held and now < self._until:
            loop.call_later(min(LOOK, self._until - now), self._look, loop)
            return
        if held:
            where = ", ".join(f"{count} in {name}" for name, count in left) or "none of them in a queue"
            event("drained", f"{held} packets are left after {now - self._began:.2f} s: {where}", logging.WARNING,
                  left=held, queues=dict(left), seconds=round(now - self._began, 3))
        else:
            event("drained", f"drained in {now - self._began:.3f} s: no packet is left", left=0, queues={},
                  seconds=round(now - self._began, 3))
        self.done()


def stop_sources(router: Router) -> None:
    """Have no element bring further packets: those without inputs that can be made inactive, devices among them."""
    for element in router.order:
        if element.n_inputs == 0 and element.n_outputs:
            active = router.handlers(element.name).get("active")
            if active is not None and active.write is not None:
                try:
                    active.write("false")
                except (NetosError, ValueError) as error:
                    event("drain", f"{element.name} goes on: {error}", logging.WARNING, element=element.name)


def queued(router: Router) -> list[tuple[str, int]]:
    """The elements that packets wait in, as far as they can tell how many."""
    found = []
    for element in router.order:
        handlers = router.handlers(element.name)
        length = handlers.get("length")
        try:
            count = int(length.read("")) if "capacity" in handlers and length is not None and length.read else 0
        except (HandlerError, ValueError):
            continue
        if count:
            found.append((element.name, count))
    return found
