"""The driver of `netos click`: run a virtual CPU until it is stopped, without an event loop around it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netos.kernel.vcpu import VirtualCpu

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Collects signals while it is open, and wakes the virtual CPU for them; they are acted upon between turns.

    A signal in `calls` calls what stands there. Any other of SIGINT and SIGTERM calls `stop` the first time; the second
    one ends the process as ever.
    """

    def __init__(self, cpu: VirtualCpu, calls: Mapping[int, Callable[[], object]], stop: Callable[[], object]) -> None:
        self.cpu = cpu
        self.calls = calls
        self.stop = stop
        self.arrived: list[int] = []
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.cpu.watch_plain(self._reading)
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in {*STOPPING, *self.calls}:
            self._previous[number] = signal.signal(number, lambda arrived, _frame: self.arrived.append(arrived))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reading)
        os.close(self._writing)

    def act(self) -> None:
        """Act upon what has arrived."""
        while self.arrived:
            number = self.arrived.pop(0)
            if number in self.calls:
                self.calls[number]()
            else:
                signal.signal(number, signal.SIG_DFL)
                self.stop()

    def drain(self) -> None:
        """Take the wake-ups off the pipe."""
        try:
            os.read(self._reading, 512)
        except BlockingIOError:
            pass


def drive(cpu: VirtualCpu, calls: Mapping[int, Callable[[], object]], stop: Callable[[], object],
          turn: Callable[[], bool] = lambda: False) -> bool:
    """Run until the virtual CPU is stopped, or until nothing is left to do in simulated time, which is a stop too.

    `turn` is called between turns; when it says true, this returns true at once.
    """
    with Signals(cpu, calls, stop) as signals:
        while True:
            runnable = cpu.run()
            if turn():
                return True
            if signals.arrived:
                signals.act()
            elif cpu.stopped:
                return False
            elif not runnable and not cpu.simulated:
                cpu.wait()
                signals.drain()
            elif not runnable and cpu.next_timeout is None:
                stop()
