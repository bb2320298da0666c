"""Lines and counted data in a stream of bytes, cut the same way however the bytes arrive (Click's ControlSocket)."""

from __future__ import annotations

import re

LINE_LIMIT = 1 << 16
LINE_END = re.compile(rb"[\r\n]")


class LineTooLong(Exception):
    """A line does not end within the limit."""


class LineStream:
    """What has been received and not yet read.

    A line ends with CR, LF or CRLF. A CR ends it at once: a LF that comes next belongs to it, even before data.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0          # no line ends before this place
        self._after_return = False

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what has been received."""
        self._buffer += data

    def line(self) -> str | None:
        """The next line, without its end, one character a byte; None while it is incomplete."""
        self._drop_newline()
        end = LINE_END.search(self._buffer, self._searched)
        length = end.start() if end else len(self._buffer)
        if length > self.limit:
            raise LineTooLong
        if end is None:
            self._searched = length
            return None
        line = self._buffer[:length].decode("latin-1")
        self._after_return = end[0] == b"\r"
        self._searched = 0
        del self._buffer[:length + 1]
        return line

    def take(self, most: int) -> bytes:
        """Up to that many bytes, as many as there are."""
        self._drop_newline()
        taken = bytes(self._buffer[:most])
        del self._buffer[:len(taken)]
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._buffer.clear()

    def _drop_newline(self) -> None:
        if self._after_return and self._buffer:
            self._after_return = False
            if self._buffer[0] == 10:
                del self._buffer[0]
