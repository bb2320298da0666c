"""The inline form of a virtual CPU: the asyncio loop watches its descriptor and runs it, turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netos.kernel.vcpu import VirtualCpu


class InlineRunner:
    """Runs a virtual CPU on an asyncio loop until it is stopped; `stopped` is the future to wait for.

    Each call of run() is bounded by the virtual CPU's budget, so a flood of packets cannot starve the loop's timers,
    signals and sockets: between two calls the loop serves whatever else is ready.
    """

    def __init__(self, cpu: VirtualCpu, loop: asyncio.AbstractEventLoop) -> None:
        self.cpu = cpu
        self.loop = loop
        self.stopped: asyncio.Future[None] = loop.create_future()
        self._next: asyncio.Handle | None = None
        self._abandoned = False

    def start(self) -> None:
        """Begin to run; the first turn comes at once."""
        self.loop.add_reader(self.cpu.fileno(), self._turn)
        self._again()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What the loop runs runs between two turns already: there is nothing to hold."""
        yield

    def close(self) -> None:
        """Leave the loop."""
        self.loop.remove_reader(self.cpu.fileno())
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def abandon(self) -> None:
        """Turn no more, without a word to the loop: it is a forked child's, its descriptors are the parent's, too."""
        self._abandoned = True

    def _again(self) -> None:
        if self._next is None:
            self._next = self.loop.call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._next = None
        self._turn()

    def _turn(self) -> None:
        if self._abandoned:
            return
        try:
            runnable = self.cpu.run()
        except Exception as error:          # of a driver script or a watchdog: whoever waits shall hear of it
            self._end(error)
            return
        if self.cpu.stopped:
            self._end(None)
        elif runnable:
            self._again()

    def _end(self, error: Exception | None) -> None:
        """Stop turning, so that a ready device does not keep the loop busy, and say so to whoever waits."""
        self.close()
        if self.stopped.done():
            return
        if error is None:
            self.stopped.set_result(None)
        else:
            self.stopped.set_exception(error)
