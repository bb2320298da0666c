"""Source texts as lines: from offsets to locations (through line directives) and from locations back to lines."""

from __future__ import annotations

import re
from bisect import bisect_right

from netos.errors import Location

_line_end = re.compile(r"\r\n|\r|\n")


class Source:
    """One text: where its lines start, and what line directives call them."""

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename
        self.starts = [0, *(match.end() for match in _line_end.finditer(text))]
        self._directives: list[int] = [0]
        self._names: list[tuple[str, int]] = [(filename, 1)]

    @property
    def redirected(self) -> bool:
        """Whether there are line directives, so that line numbers need not rise."""
        return len(self._directives) > 1

    def redirect(self, offset: int, line: int, filename: str | None) -> None:
        """Call the line after the one at `offset` line `line`, of `filename` (None: the same; empty: the original)."""
        if offset <= self._directives[-1] and len(self._directives) > 1:
            return
        physical = bisect_right(self.starts, offset)
        if physical >= len(self.starts):
            return
        name = self._names[-1][0] if filename is None else filename or self.filename
        self._directives.append(self.starts[physical])
        self._names.append((name, line - physical))

    def location(self, offset: int) -> Location:
        """Where the character at `offset` is."""
        physical = bisect_right(self.starts, offset) - 1
        column = offset - self.starts[physical] + 1
        if len(self._directives) == 1:
            return Location(self.filename, physical + 1, column)
        name, shift = self._names[bisect_right(self._directives, offset) - 1]
        return Location(name, physical + shift, column)

    def line(self, location: Location) -> str | None:
        """The text of the line at `location`, without its end; None when it is not in this text."""
        for index in range(len(self._names) - 1, -1, -1):
            name, shift = self._names[index]
            physical = location.line - shift
            if name == location.file and 0 <= physical < len(self.starts):
                start = self.starts[physical]
                after = self._directives[index + 1] if index + 1 < len(self._directives) else len(self.text) + 1
                if self._directives[index] <= start < after:
                    end = self.starts[physical + 1] if physical + 1 < len(self.starts) else len(self.text)
                    return self.text[start:end].rstrip("\r\n")
        return None


class SourceLines:
    """The texts a configuration was read from, for showing the line a complaint is about."""

    def __init__(self) -> None:
        self.sources: list[Source] = []

    def add(self, text: str, filename: str) -> Source:
        """Keep a text."""
        source = Source(text, filename)
        self.sources.append(source)
        return source

    def line(self, location: Location) -> str | None:
        """The text of the line at `location`, if it is known."""
        for source in self.sources:
            text = source.line(location)
            if text is not None:
                return text
        return None
