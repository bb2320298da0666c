"""The console: text to standard output and standard error, one character a byte, at once."""

from __future__ import annotations

import sys
from typing import Any


def write_out(text: str) -> None:
    """Write to standard output; raises OSError when nobody reads it any more."""
    _write(sys.stdout, text)


def write_error(text: str) -> None:
    """Write to standard error, as messages about a running appliance; what cannot be written is lost."""
    try:
        _write(sys.stderr, text)
    except OSError:
        pass


def _write(stream: Any, text: str) -> None:
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(text)
    else:
        stream.flush()
        binary.write(text.encode("latin-1", "replace"))
    stream.flush()
