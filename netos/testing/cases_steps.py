"""The statements of case files as steps that an appliance is put through."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from netos.errors import HandlerError
from netos.testing.appliance import Appliance
from netos.testing.cases_packets import hexdump, summary


class Pattern(Protocol):
    """What a frame should be; str() shows it."""

    def differences(self, data: bytes) -> list[str]:
        """What is other than written."""


class Mismatch(Exception):
    """Something is other than a step wants: what, in lines, and the frame that came instead."""

    def __init__(self, *lines: str, expected: str = "", got: bytes | None = None) -> None:
        super().__init__(lines[0])
        self.lines = lines
        self.expected = expected
        self.got = got

    def details(self) -> list[str]:
        """All there is to say."""
        found = list(self.lines)
        if self.expected:
            found.append(f"expected  {self.expected}")
        if self.got is not None:
            found.append(f"got       {summary(self.got)}")
            found += [f"          {line}" for line in hexdump(self.got)]
        return found


class Run:
    """An appliance in the middle of a case, and the frames that came out of it and were not looked at yet."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self._waiting: dict[str, deque[bytes]] = {device: deque() for device in appliance.ends}

    def waiting(self, device: str) -> deque[bytes]:
        """The frames that came out of a device; raises Mismatch when there is no such device."""
        self.check(device)
        self._waiting[device].extend(self.appliance.received(device))
        return self._waiting[device]

    def check(self, device: str) -> None:
        """Raise Mismatch when there is no such device."""
        if device not in self._waiting:
            known = ", ".join(sorted(self._waiting))
            raise Mismatch(f"the configuration has no device {device}; it has {known or 'none'}")

    def devices(self, device: str) -> Sequence[str]:
        """A device, or all of them for ""."""
        return [device] if device else sorted(self._waiting)

    def happened(self) -> list[str]:
        """What came out and was dropped so far, for whoever misses a frame."""
        found = [f"{device} sent {summary(frame)}" for device in self.devices("") for frame in self.waiting(device)]
        return found + [f"{element} dropped {count} as {reason}" for element, reasons in self.appliance.drops.items()
                        for reason, count in reasons.items()]

    def expect_nothing(self, device: str) -> None:
        """Raise Mismatch when frames came out that nobody looked at."""
        for name in self.devices(device):
            frames = self.waiting(name)
            if frames:
                count = len(frames)
                raise Mismatch(f"{count} frame{'' if count == 1 else 's'} more came out of {name}",
                               expected="nothing", got=frames[0])


class Send(NamedTuple):
    """Put frames on a cable."""

    device: str
    frames: Sequence[bytes]

    def run(self, run: Run) -> None:
        """Do it; the appliance has a millisecond."""
        run.check(self.device)
        if not run.appliance.send(self.device, *self.frames):
            raise Mismatch(f"the device {self.device} does not take {len(self.frames)} frames at once")


class Expect(NamedTuple):
    """The next frames out of a device are these."""

    device: str
    patterns: Sequence[Pattern]

    def run(self, run: Run) -> None:
        """Raise Mismatch when they are not."""
        for pattern in self.patterns:
            frames = run.waiting(self.device)
            if not frames:
                raise Mismatch(f"nothing came out of {self.device}", *run.happened(), expected=str(pattern))
            frame = frames.popleft()
            if differences := pattern.differences(frame):
                raise Mismatch(*differences, expected=str(pattern), got=frame)


class ExpectNothing(NamedTuple):
    """No frame is left, at one device or at all."""

    device: str

    def run(self, run: Run) -> None:
        """Raise Mismatch when there is one."""
        run.expect_nothing(self.device)


class Ignore(NamedTuple):
    """What came so far, from one device or all, does not matter."""

    device: str

    def run(self, run: Run) -> None:
        """Forget it."""
        for device in run.devices(self.device):
            run.waiting(device).clear()


class Wait(NamedTuple):
    """Let virtual time pass."""

    seconds: float

    def run(self, run: Run) -> None:
        """Do it."""
        run.appliance.wait(self.seconds)


class CheckHandler(NamedTuple):
    """A read handler has a value."""

    path: str
    value: str

    def run(self, run: Run) -> None:
        """Raise Mismatch when it has another one."""
        try:
            value = run.appliance.router.read(self.path).strip()
        except HandlerError as error:
            raise Mismatch(str(error)) from None
        if value != self.value:
            raise Mismatch(f"{self.path}: expected {self.value!r}, got {value!r}")


class CheckDrops(NamedTuple):
    """An element dropped that many packets for a reason, since the case began."""

    element: str
    reason: str
    number: int

    def run(self, run: Run) -> None:
        """Raise Mismatch when it was another number."""
        if self.element not in run.appliance.router.elements:
            raise Mismatch(f"the configuration has no element '{self.element}'")
        count = run.appliance.drops.get(self.element, {}).get(self.reason, 0)
        if count != self.number:
            raise Mismatch(f"{self.element} dropped {count} as {self.reason}, expected {self.number}", *run.happened())


Step = Send | Expect | ExpectNothing | Ignore | Wait | CheckHandler | CheckDrops
