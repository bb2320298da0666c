"""The threads that one graph runs on (Click's --threads): a virtual CPU each, and one for what several of them reach.

Number 0 is the caller's, who runs Python; it holds the others still, between two turns, while handlers are called.
netos.placement says which element is whose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from netos.kernel.ownership import deliver_region, left, lend, make_region, own, region_calls, share
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu


class Threads:
    """Virtual CPUs that run one graph; `region` is that of the elements that several reach."""

    def __init__(self, count: int, cores: Sequence[int | None] = ()) -> None:
        self.cpus = [VirtualCpu() for _ in range(count)]
        self.region = VirtualCpu()
        make_region(self.region)
        self.threads = [VcpuThread(cpu, cores[number] if number < len(cores) else None)
                        for number, cpu in enumerate(self.cpus) if number]
        self._pauses = 0
        for cpu in self.cpus:
            share(cpu)
        for descriptor in self._callers():
            self.cpus[0].watch_plain(descriptor)

    def _callers(self) -> list[int]:
        """The descriptors by which the others call number 0."""
        return [self.region.fileno(), *(thread.notify_fd for thread in self.threads)]

    def start(self) -> None:
        """Run all but number 0, which the caller runs."""
        for thread in self.threads:
            lend(thread.cpu)
            thread.start()

    def close(self) -> None:
        """Run none any more; harmless when called twice."""
        for thread in self.threads:
            if thread.notify_fd >= 0:
                self.cpus[0].unwatch_plain(thread.notify_fd)
            thread.close()
            own(thread.cpu)
        self.deliver()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold all but the caller's, each between two turns, and have theirs be the caller's; pauses may nest."""
        running = [thread for thread in self.threads if thread.alive] if not self._pauses else []
        for thread in running:
            thread.ask()
        with left(self.region):
            for thread in running:
                thread.wait()
        for thread in running:
            own(thread.cpu)
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            for thread in running:
                lend(thread.cpu)
                thread.resume()

    def deliver(self) -> None:
        """Tell Python what the others' data paths queued."""
        calling = [thread for thread in self.threads if thread.calling and thread.alive]
        if not calling and not region_calls(self.region):
            return
        with self.paused():
            for thread in calling:
                thread.deliver()
            deliver_region(self.region)

    @property
    def balance(self) -> dict[str, int]:
        """How packets came and went, in all."""
        total: Counter[str] = Counter()
        with self.paused():
            for cpu in (*self.cpus, self.region):
                total.update(cpu.balance)
        return dict(total)
