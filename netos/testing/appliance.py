"""An appliance on memory devices in virtual time: frames in, frames out, whatever its devices are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from netos.drivers.devices import claims_of
from netos.drivers.memory import MemoryDevice, memory_pair
from netos.errors import Diagnostics
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.lang import Graph
from netos.router import Router

START = 10**18          # nanoseconds: where virtual time begins
CAPACITY = 4096         # frames a cable holds
CABLES = ("tap", "mem")     # kinds of devices that have a cable here
SETTLE = 0.001          # seconds of virtual time an appliance has for what it is sent


class Appliance:
    """A configuration with a cable at each device that it names; `ends` are the other ends, by device name.

    Taps and memory devices get a cable, capture files stay what they are. `offload` says whether the devices carry
    checksum and segmentation offloads: all of them, none, or those named. `threaded` runs the packets on a thread of
    their own, in the same virtual time; what comes out is the same. Raises ConfigError.
    """

    def __init__(self, graph: Graph, *, diagnostics: Diagnostics | None = None, width: int = 256,
                 offload: bool | Collection[str] = False, threaded: bool = False) -> None:
        self.cpu = VirtualCpu(START, stepped=threaded)
        self.ends: dict[str, MemoryDevice] = {}
        self.captured: dict[str, list[bytes]] = defaultdict(list)       # all that was received from each device
        self.router = Router(graph, cpu=self.cpu, diagnostics=diagnostics)
        for name, claim in claims_of(self.cpu).items():
            if claim.kind in CABLES and not claim.given:
                offloads = offload if isinstance(offload, bool) else name in offload
                self.ends[name], claim.device = memory_pair(f"{name}-outside", name, CAPACITY, offload=offloads)
                claim.given = True
        self.router.initialize()
        self.cpu.width = width
        self.thread = VcpuThread(self.cpu) if threaded else None
        if self.thread is not None:
            self.thread.start()

    def send(self, device: str, *frames: Any, **options: Any) -> bool:
        """Put frames on a device's cable and let the appliance do what it does in a millisecond of virtual time.

        False when the cable did not take all of them.
        """
        with self.held():
            taken = [self.ends[device].send(bytes(frame), **options) for frame in frames]
        self.wait(SETTLE)
        return all(taken)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        until = self.cpu.now + round(seconds * 1e9)
        if self.thread is None:
            self.cpu.advance(until)
            return
        due = True
        while due:
            self.rest()
            with self.held():
                due = self.cpu.step(until)

    def held(self) -> AbstractContextManager[None]:
        """Hold the appliance's thread, if it has one: frames sent meanwhile arrive at once."""
        return nullcontext() if self.thread is None else self.thread.paused()

    def rest(self) -> None:
        """Wait until the appliance's thread has done what there is to do before time goes on."""
        assert self.thread is not None
        self.thread.rest()
        while self.thread.calling and not self.cpu.stopped:
            self.thread.deliver()
            self.thread.rest()

    def received(self, device: str) -> list[bytes]:
        """The frames that have come out of a device since the last call."""
        frames: list[bytes] = self.ends[device].receive()
        self.captured[device] += frames
        return frames

    @property
    def drops(self) -> dict[str, dict[str, int]]:
        """Drop counts by element and reason."""
        return self.router.drops

    def close(self) -> None:
        """Take the graph apart."""
        if self.thread is not None:
            self.thread.close()
        self.router.close()
