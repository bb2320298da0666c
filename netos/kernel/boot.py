"""Boot phases: a list of named steps, each timed, and the chart that `--bootchart` prints of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MILLISECOND = 1_000_000


@dataclass(slots=True)
class Phase:
    """One step of a start; times are nanoseconds of the chart's clock, `end` is None while it runs."""

    name: str
    start: int
    depth: int = 0
    end: int | None = None
    failed: bool = False


class BootChart:
    """The phases of a start, in the order they began; a phase may contain others.

    `clock` gives nanoseconds; time zero of the chart is when it was made.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.clock = clock
        self.origin = clock()
        self.phases: list[Phase] = []
        self._depth = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Time what happens inside; an exception marks the phase as failed and goes on."""
        phase = Phase(name, self.clock(), self._depth)
        self.phases.append(phase)
        self._depth += 1
        try:
            yield phase
        except BaseException:
            phase.failed = True
            raise
        finally:
            self._depth -= 1
            phase.end = self.clock()

    @property
    def total(self) -> int:
        """Nanoseconds from the chart's making to the end of what ended last, or to now while a phase runs."""
        ends = [phase.end for phase in self.phases]
        if None in ends:
            return self.clock() - self.origin
        return max((end for end in ends if end is not None), default=self.origin) - self.origin

    def text(self, width: int = 79) -> str:
        """A line for each phase: name, milliseconds, and a bar on a common time axis `width` columns in all."""
        total = self.total
        names = [f"{'  ' * phase.depth}{phase.name}" for phase in self.phases]
        margin = max(map(len, [*names, "total"]))
        columns = max(width - margin - len(" 12345.678 ms  "), 10)
        lines = []
        for name, phase in zip(names, self.phases, strict=True):
            end = self.origin + total if phase.end is None else phase.end
            first = self._column(phase.start, columns, total)
            last = max(self._column(end, columns, total), first + 1)
            mark = "!" if phase.failed else "?" if phase.end is None else "#"
            bar = "." * first + mark * (last - first)
            lines.append(f"{name:{margin}} {(end - phase.start) / MILLISECOND:9.3f} ms  {bar}")
        lines.append(f"{'total':{margin}} {total / MILLISECOND:9.3f} ms")
        return "\n".join(lines)

    def _column(self, when: int, columns: int, total: int) -> int:
        """Where on the axis a time lies; the last column is for what takes no time at the very end."""
        return min((when - self.origin) * columns // total, columns) if total else 0
