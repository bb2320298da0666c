"""The virtual CPUs that run replicas of one graph: who they are, and what runs them as one.

Number 0 shares its thread with asyncio, unless it is to have one of its own like all the others. Each thread has a core
to itself where there are as many cores as virtual CPUs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netos.kernel.inline import InlineRunner
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu

if TYPE_CHECKING:
    import asyncio

    from netos.kernel.mailbox import Mailbox

REPLICAS_MAX = 64


class VcpuGroup:
    """Virtual CPUs that know their number and how many they are; where they are several, each has a mailbox."""

    def __init__(self, count: int = 1, simulated: int | None = None) -> None:
        if not 1 <= count <= REPLICAS_MAX:
            raise ValueError(f"there can be 1 to {REPLICAS_MAX} virtual CPUs, not {count}")
        self.cpus = [VirtualCpu(simulated) for _ in range(count)]
        self.mailboxes: list[Mailbox] = []
        if count == 1:
            return
        from netos.kernel.mailbox import Mailbox

        for number, cpu in enumerate(self.cpus):
            cpu.replica, cpu.replicas, cpu.group = number, count, self
            self.mailboxes.append(Mailbox(cpu, count))

    def deliver(self) -> None:
        """Have all letters read that are under way, and those they cause, while all virtual CPUs stand still."""
        for _ in range(4 * len(self.mailboxes)):
            if not sum([mailbox.deliver() for mailbox in self.mailboxes]):
                break


class GroupRunner:
    """What makes virtual CPUs run: the first on the asyncio loop, unless `threaded`, the others on threads.

    `pinned` says whether the threads have cores to themselves. `ended` is called, with the exception if it was one, as
    soon as one of the virtual CPUs has stopped from within.
    """

    def __init__(self, cpus: Sequence[VirtualCpu], loop: asyncio.AbstractEventLoop, *, threaded: bool = False,
                 ended: Callable[[BaseException | None], object] = lambda _error: None) -> None:
        self.loop = loop
        self.ended = ended
        cores = sorted(os.sched_getaffinity(0))
        self.pinned = 1 < len(cpus) <= len(cores)
        self.inline = None if threaded else InlineRunner(cpus[0], loop)
        self.threads = [VcpuThread(cpu, cores[cpu.replica] if self.pinned else None)
                        for cpu in cpus[0 if threaded else 1:]]
        for thread in self.threads:
            thread.stopped = lambda: ended(None)

    def start(self) -> None:
        """Begin to run all of them."""
        if self.inline is not None:
            self.inline.stopped.add_done_callback(self._inline_ended)
            self.inline.start()
        for thread in self.threads:
            thread.start(self.loop)

    def close(self) -> None:
        """Run none any more; harmless when called twice."""
        if self.inline is not None:
            self.inline.close()
        for thread in self.threads:
            thread.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold all of them, each between two turns; pauses may nest. What the loop calls holds the first already."""
        running = [thread for thread in self.threads if thread.alive]
        for thread in running:
            thread.ask()
        try:
            for thread in running:
                thread.wait()
            yield
        finally:
            for thread in running:
                thread.resume()

    def _inline_ended(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled():
            self.ended(future.exception())
