"""When a run ends: the run count, the driver script that may raise it again, the end by a signal (Click's Master)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netos.kernel.vcpu import VirtualCpu


class RunCount:
    """What stops the virtual CPU that runs Python."""

    cpu: VirtualCpu

    def __init__(self) -> None:
        self.run_count = 1
        self.driver: Any = None         # the script that manages stops (Click's DriverManager)
        self.halting = False

    def stop(self, count: int = 1) -> None:
        """Lower the run count, as Click's `stop`; at zero the run ends, unless the driver script raises it again."""
        self.adjust_run_count(-count)

    def adjust_run_count(self, change: int) -> None:
        """Raise or lower the run count."""
        self.run_count += change
        self.cpu.stopped = self.run_count <= 0
        if self.cpu.stopped:
            self.cpu.wake()

    def halt(self) -> None:
        """End the run, as a signal does: the driver script runs on without waiting, but cannot prevent the end."""
        self.halting = True
        self.adjust_run_count(min(-self.run_count, 0))

    def goes_on(self) -> bool:
        """Step the driver script while the run count is zero or less; return whether it has raised it for good.

        The virtual CPU asks this before it ends (Click's Master::verify_stop).
        """
        while self.run_count <= 0 and self.driver is not None:
            before = self.run_count
            forward = self.driver.stop_event()
            if self.halting:
                self.run_count = 0
            if not forward if self.halting else self.run_count == before:
                break
        self.cpu.stopped = self.run_count <= 0
        return self.run_count > 0
