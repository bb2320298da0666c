"""Context: what all blocks of one configuration share while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from netos.errors import Diagnostic, Diagnostics, Location
from netos.lang.blocks import BaseClass
from netos.lang.names import Guesser
from netos.lang.sources import SourceLines


class Context:
    """Diagnostics, requirements, libraries already read, and the classes known from outside.

    `lossy` says that an error made connections get lost, so that a port without one is not worth a complaint.
    """

    def __init__(self, diagnostics: Diagnostics, sources: SourceLines, is_class: Callable[[str], bool],
                 class_names: Callable[[], Iterable[str]], search_path: Sequence[str],
                 has_package: Callable[[str], bool]) -> None:
        self.diagnostics = diagnostics
        self.sources = sources
        self.class_names = class_names
        self.search_path = search_path
        self.has_package = has_package
        self.requirements: list[tuple[str, str]] = []
        self.libraries: set[str] = set()
        self.library_depth = 0
        self.link_count = 0
        self.lossy = False
        self.guesser = Guesser()
        self._is_class = is_class
        self._base_classes: dict[str, BaseClass | None] = {}

    def base_class(self, name: str) -> BaseClass | None:
        """The class that the world outside the configuration knows by that name."""
        if name not in self._base_classes:
            self._base_classes[name] = BaseClass(name) if name and self._is_class(name) else None
        return self._base_classes[name]

    def error(self, message: str, location: Location, length: int = 1, hints: tuple[str, ...] = ()) -> int:
        """Complain; a number by which hints can be changed later."""
        self.diagnostics.append(Diagnostic("error", message, location, max(length, 1), hints))
        return len(self.diagnostics) - 1

    def note(self, message: str, location: Location, length: int = 1) -> None:
        """Add a place to the last complaint."""
        self.diagnostics.append(Diagnostic("note", message, location, max(length, 1)))

    def change_hint(self, complaint: int, hint: str) -> None:
        """Replace the hints of a complaint."""
        self.diagnostics.entries[complaint] = self.diagnostics.entries[complaint]._replace(hints=(hint,))
