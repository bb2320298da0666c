"""An appliance on memory devices in virtual time: frames in, frames out, whatever its devices are called."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from netos.drivers.devices import claims_of
from netos.drivers.memory import MemoryDevice, memory_pair
from netos.errors import Diagnostics
from netos.kernel.vcpu import VirtualCpu
from netos.lang import Graph
from netos.router import Router

START = 10**18          # nanoseconds: where virtual time begins
CAPACITY = 4096         # frames a cable holds
SETTLE = 0.001          # seconds of virtual time an appliance has for what it is sent


class Appliance:
    """A configuration with a cable at each device that it names; `ends` are the other ends, by device name.

    Taps and memory devices get a cable, capture files stay what they are. `offload` says whether the devices carry
    checksum and segmentation offloads: all of them, none, or those named. Raises ConfigError.
    """

    def __init__(self, graph: Graph, *, diagnostics: Diagnostics | None = None, width: int = 256,
                 offload: bool | Collection[str] = False) -> None:
        self.cpu = VirtualCpu(START)
        self.ends: dict[str, MemoryDevice] = {}
        self.router = Router(graph, cpu=self.cpu, diagnostics=diagnostics)
        for name, claim in claims_of(self.cpu).items():
            if claim.kind in ("tap", "mem") and not claim.given:
                offloads = offload if isinstance(offload, bool) else name in offload
                self.ends[name], claim.device = memory_pair(f"{name}-outside", name, CAPACITY, offload=offloads)
                claim.given = True
        self.router.initialize()
        self.cpu.width = width

    def send(self, device: str, *frames: Any, **options: Any) -> None:
        """Put frames on a device's cable and let the appliance do what it does in a millisecond of virtual time."""
        for frame in frames:
            self.ends[device].send(bytes(frame), **options)
        self.wait(SETTLE)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.cpu.advance(self.cpu.now + round(seconds * 1e9))

    def received(self, device: str) -> list[bytes]:
        """The frames that have come out of a device since the last call."""
        return self.ends[device].receive()

    @property
    def drops(self) -> dict[str, dict[str, int]]:
        """Drop counts by element and reason."""
        return self.router.drops

    def close(self) -> None:
        """Take the graph apart."""
        self.router.close()
