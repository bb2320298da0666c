"""StaticThreadSched: which thread the tasks of elements run on (Click's StaticThreadSched)."""

from __future__ import annotations

from typing import Annotated

from netos.args import Integer, Remaining
from netos.args.scope import outward
from netos.element import Element
from netos.errors import ArgumentError
from netos.lang.quoting import split_words


class StaticThreadSched(Element):
    """Give elements a home thread; arguments `ELEMENT THREAD`, a thread from 0 up to one below `netos click -j`.

    A compound element stands for all elements in it. Tasks without a home run on thread 0, and so do those that are
    given a thread that does not run, with a warning: the configuration may be run with fewer threads.
    """

    ports = "0/0"
    phase = 0
    unreplicable = "it places the tasks of one graph on threads, and here each runs all of them"

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        for entry in entries:
            words = split_words(entry)
            if len(words) != 2:
                raise ArgumentError(f"'{entry}': expected ELEMENT THREAD")
            elements = self.find(words[0])
            thread = Integer().parse(words[1])
            count = len(self.router.threads.cpus) if self.router.threads is not None else 1
            if not 0 <= thread < count:
                self.router.scope(self.name).warn(
                    f"thread preference {thread} out of range: '{words[0]}' runs on thread 0 "
                    f"({'netos click -j N runs N threads' if count == 1 else f'there are threads 0 to {count - 1}'})")
                thread = 0
            self.router.homes.update(dict.fromkeys(elements, thread))

    def find(self, name: str) -> list[str]:
        """The full names of what `name` means here: an element, or the elements of a compound one."""
        for full_name in outward(self.name.rpartition("/")[0], name):
            found = [other for other in self.router.elements
                     if other == full_name or other.startswith(f"{full_name}/")]
            if found:
                return found
        raise ArgumentError(f"'{name}' does not name an element")
