from collections.abc import Callable

from netos.element import Element

class Watchdog:
    overrun: int
    on_overrun: Callable[[Element, int], object] | None
    overruns: dict[str, int]
    @property
    def cycles(self) -> int: ...
    def report_overrun(self) -> None: ...
