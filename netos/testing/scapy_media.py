"""What a ScapyPort is plugged into: an interface of a Stack, or the far end of a router's memory device."""

from __future__ import annotations

import time
from typing import Any, Protocol

from netos.drivers.memory import MemoryDevice
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.router import Router
from netos.testing.appliance import Appliance

SECOND = 1_000_000_000


class Medium(Protocol):
    """Frames in and out, and time in nanoseconds."""

    @property
    def now(self) -> int: ...
    @property
    def next_timeout(self) -> int | None: ...
    def inject(self, frame: bytes) -> None: ...
    def collect(self) -> list[bytes]: ...
    def advance(self, until: int) -> None: ...


class StackMedium:
    """An interface of a stack."""

    def __init__(self, stack: Stack, interface: str) -> None:
        self.stack = stack
        self.interface = interface
        stack.addresses(interface)              # raises ValueError when there is no such interface
        if stack.now == 0:
            stack.now = SECOND

    @property
    def now(self) -> int:
        """The stack's time."""
        return self.stack.now

    @property
    def next_timeout(self) -> int | None:
        """When the stack has something to do next."""
        return self.stack.next_timeout

    def inject(self, frame: bytes) -> None:
        """A frame for the stack."""
        self.stack.receive(self.interface, [frame], self.stack.now)

    def collect(self) -> list[bytes]:
        """What the stack sends."""
        self.stack.poll(self.stack.now)
        frames = []
        while packets := self.stack.take(self.interface):
            for packet in packets:
                frames.append(bytes(packet))
                packet.kill()
        return frames

    def advance(self, until: int) -> None:
        """Let time pass."""
        self.stack.poll(until)


class DeviceMedium:
    """The far end of a memory device of a router whose virtual CPU is in virtual time."""

    def __init__(self, cpu: VirtualCpu, end: MemoryDevice) -> None:
        if not cpu.simulated:
            raise ValueError("this router runs in real time: give it a CPU in virtual time, cpu=VirtualCpu(10**18)")
        self.cpu = cpu
        self.end = end

    @property
    def now(self) -> int:
        """The virtual CPU's time."""
        return self.cpu.now

    @property
    def next_timeout(self) -> int | None:
        """When a timer of the graph expires."""
        return self.cpu.next_timeout

    def inject(self, frame: bytes) -> None:
        """A frame for the device; OSError when the cable is full."""
        if not self.end.send(frame):
            raise OSError(f"the cable of {self.end.name} is full: the router does not take its frames")

    def collect(self) -> list[bytes]:
        """What came out of the device."""
        self.cpu.advance(self.cpu.now)
        return self.end.receive()

    def advance(self, until: int) -> None:
        """Let time pass."""
        self.cpu.advance(until)


def medium_of(target: Any, device: Any) -> Medium:
    """What a port on `target` is plugged into; raises TypeError, ValueError."""
    if isinstance(target, Stack):
        return StackMedium(target, device or "eth0")
    if isinstance(target, Appliance):
        if target.thread is not None:
            raise ValueError("a port needs an appliance without a thread of its own")
        if device not in target.ends:
            raise ValueError(f"the appliance has no device {device}: there are {', '.join(target.ends)}")
        return DeviceMedium(target.cpu, target.ends[device])
    if isinstance(target, Router):
        if not isinstance(device, MemoryDevice):
            raise TypeError("a port on a router needs the far end of a memory device: one of memory_pair()'s")
        return DeviceMedium(target.cpu, device)
    raise TypeError(f"a port is on a Stack, an Appliance or a Router, not on a {type(target).__name__}")


class Clock:
    """Moves a medium's time on: at once, or as fast as real time goes by."""

    def __init__(self, medium: Medium, real: bool) -> None:
        self.medium = medium
        self.real = real
        self._offset = medium.now - time.monotonic_ns()

    def step(self, until: int) -> None:
        """Go to the next thing that happens, no further than `until`."""
        medium = self.medium
        due = medium.next_timeout
        target = until if due is None else max(min(due, until), medium.now)
        if self.real:
            behind = time.monotonic_ns() + self._offset
            if target > behind:
                time.sleep(min((target - behind) / SECOND, 0.002))
            target = max(min(target, time.monotonic_ns() + self._offset), medium.now)
        elif due is not None and due <= medium.now:
            target = min(medium.now + 1000, until)          # what is due now may have to wait for a moment
        medium.advance(target)
