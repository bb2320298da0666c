"""ScheduleInfo: shares of the virtual CPU for elements that have tasks (Click's ScheduleInfo)."""

from __future__ import annotations

from typing import Annotated

from netos.args import FixedPoint, Remaining
from netos.args.each import read_each
from netos.args.scope import outward
from netos.element import Element
from netos.errors import ArgumentError
from netos.lang.quoting import split_words

BITS = 10                   # of fraction: 1.0 is 1024 tickets, the default
TICKETS_MAX = 32768


class ScheduleInfo(Element):
    """Give elements a multiple of the default share; arguments `ELEMENT PARAMETER`, a number from 0 up.

    The parameter of a compound element multiplies those of all elements in it.
    """

    ports = "0/0"
    phase = 0

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        self.shares: dict[str, int] = dict(read_each(self.share, entries))

    def share(self, entry: str) -> tuple[str, int]:
        """The element an argument names, and its share."""
        words = split_words(entry)
        if len(words) != 2:
            raise ArgumentError(f"'{entry}': expected ELEMENT PARAMETER")
        return self.find(words[0]), FixedPoint(BITS).parse(words[1])

    def find(self, name: str) -> str:
        """The full name of an element, or of a compound element, as seen from here."""
        for full_name in outward(self.name.rpartition("/")[0], name):
            if any(other == full_name or other.startswith(f"{full_name}/") for other in self.router.elements):
                return full_name
        raise ArgumentError(f"'{name}' does not name an element")

    def initialize(self) -> None:
        """Set the tickets of all elements that any ScheduleInfo names: several may speak of the same one."""
        infos = [info for info in self.router.elements.values() if isinstance(info, ScheduleInfo)]
        for element in self.router.elements.values():
            share, named = 1 << BITS, False
            for path in outward(element.name, ""):
                for info in infos:
                    if (factor := info.shares.get(path.rstrip("/"))) is not None:
                        share, named = share * factor >> BITS, True
            if named:
                element.tickets = min(max(share, 1), TICKETS_MAX)
