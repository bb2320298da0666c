"""Renderings of diagnostics: netos's own, with the source line and a caret, and Click's plain lines."""

from __future__ import annotations

from collections.abc import Iterable

from netos.errors import Diagnostic
from netos.lang.sources import SourceLines

MAX_WIDTH = 160


def render(diagnostics: Iterable[Diagnostic], sources: SourceLines) -> str:
    """netos's form: `file:line:column: error: message`, the line, a caret, then notes and hints."""
    lines: list[str] = []
    for entry in diagnostics:
        message = f"{entry.context} {entry.message}" if entry.context else entry.message
        lines.append(f"{entry.location}: {entry.severity}: {_decode_message(message)}")
        lines += _quote_source(entry, sources)
        lines += [f"  {_decode_message(note)}" for note in entry.notes]
        lines += [f"  hint: {_decode_message(hint)}" for hint in entry.hints]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _quote_source(entry: Diagnostic, sources: SourceLines) -> list[str]:
    """The source line and the marks under it; long lines are cut to the part that matters."""
    column = entry.location.column
    text = sources.line(entry.location)
    if text is None or not 1 <= column <= len(text) + 1:
        return []
    start = max(0, column - 1 - MAX_WIDTH // 2) if len(text) > MAX_WIDTH else 0
    end = start + MAX_WIDTH
    before = _decode(text[start:column - 1])
    marked = _decode(text[column - 1:min(column - 1 + entry.length, end)])
    padding = "".join("\t" if character == "\t" else " " for character in before)
    return [f"    {before}{marked}{_decode(text[column - 1 + entry.length:end])}",
            f"    {padding}^{'~' * (len(marked) - 1)}"]


def _decode(text: str) -> str:
    """Bytes that stand as latin-1 characters, as the UTF-8 they most likely are."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _decode_message(text: str) -> str:
    """A message, which may quote such bytes; one with other characters stays as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _printable(line: str) -> str:
    """The line without characters that would upset a terminal; each stays one character wide."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in line)


def render_click(diagnostics: Iterable[Diagnostic]) -> str:
    """Click's form: `FILE:LINE: message`; what shares a context is indented under it."""
    lines: list[str] = []
    shown = None
    for entry in diagnostics:
        warning = "warning: " if entry.severity == "warning" else ""
        landmark = entry.landmark or entry.location.landmark
        if entry.context:
            if (landmark, entry.context) != shown:
                lines.append(f"{landmark}: {entry.context}")
            lines.append(f"  {warning}{entry.message}")
        else:
            lines.append(f"{landmark}: {warning}{entry.message}")
        shown = (landmark, entry.context)
        lines += [f"  {note}" for note in entry.notes if not entry.context]
    return "".join(f"{line}\n" for line in lines)
