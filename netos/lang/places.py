"""Places: where an argument of an element was written, back through variables, comments and line directives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netos.errors import Location
from netos.lang.graph import Origin
from netos.lang.nodes import Text
from netos.lang.quoting import Mark, shift_argument

_line_end = re.compile(r"[\r\n]|\Z")


class Place(NamedTuple):
    """Some characters of one line of a source; `replaced` if what the element read there is a variable's value."""

    location: Location
    length: int
    replaced: bool = False


def argument_place(origin: Origin, index: int, column: int = 0, length: int = 0) -> Place | None:
    """Where the argument of that index was written, or as many characters of it from a column on (0: the rest)."""
    if origin.text is None:
        return None
    return span_place(origin.text, origin.marks, *argument_span(origin.configuration, index, column, length))


def arguments_place(origin: Origin) -> Place | None:
    """Where all the arguments were written, as far as they stand on one line."""
    spans = list(argument_spans(origin.configuration))
    if origin.text is None or not spans:
        return end_place(origin)
    return span_place(origin.text, origin.marks, spans[0][0], spans[-1][1])


def end_place(origin: Origin) -> Place | None:
    """Where a further argument would be written: the closing parenthesis, or the class where there is none."""
    if origin.text is not None:
        return Place(origin.text.source.location(origin.text.offset(len(origin.text.text))), 1)
    return Place(origin.kind.location, len(origin.kind.text)) if origin.kind is not None else None


def use_notes(origin: Origin) -> tuple[str, ...]:
    """A line for each compound around an element, from the inside out: what its variables are there."""
    notes = []
    use = origin.use
    while use is not None:
        kind = f" :: {use.class_name}" if use.class_name else ""
        notes.append(f"in '{use.name}{kind}', used at {use.location}")
        use = use.outer
    return tuple(notes)


def argument_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each argument that is not empty starts and ends in a configuration string."""
    position = 0
    while position <= len(text):
        pieces, position = shift_argument(text, position)
        if pieces:
            yield pieces[0][1], pieces[-1][1] + len(pieces[-1][0])


def argument_span(text: str, index: int, column: int = 0, length: int = 0) -> tuple[int, int]:
    """Where an argument, or as many characters of it from a column on, starts and ends in a configuration string."""
    position = 0
    for _ in range(index):
        _, position = shift_argument(text, position)
    pieces, after = shift_argument(text, position)
    if not pieces:
        return after - 1, after - 1
    start = piece_offset(pieces, column)
    if not length:
        return start, pieces[-1][1] + len(pieces[-1][0])
    return start, max(start, piece_offset(pieces, column + length - 1)) + 1


def piece_offset(pieces: Sequence[tuple[str, int]], column: int) -> int:
    """Where a character of an argument stands in the text; behind the argument for one past its end."""
    for piece, offset in pieces:
        if column < len(piece):
            return offset + column
        column -= len(piece)
    return offset + len(piece)


def span_place(text: Text, marks: Sequence[Mark], start: int, end: int) -> Place:
    """The place of what starts and ends there in the configuration string with its variables replaced."""
    first, mark = written_start(marks, start)
    last = written_end(marks, end) if end > start else mark.end if mark else first + 1
    offset = text.offset(first)
    line_end = _line_end.search(text.source.text, offset)
    assert line_end is not None, "every text has an end"
    after = min(text.offset(last - 1) + 1, line_end.start())
    replaced = mark is not None or any(start < mark.position < end for mark in marks)
    return Place(text.source.location(offset), max(after - offset, 1), replaced)


def written_start(marks: Sequence[Mark], position: int) -> tuple[int, Mark | None]:
    """Where the character at a position was written; inside a value that is where its reference starts."""
    before = [mark for mark in marks if mark.position <= position]
    if not before:
        return position, None
    mark = before[-1]
    if position < mark.position + max(mark.length, 1):
        return mark.start, mark
    return mark.end + position - mark.position - mark.length, None


def written_end(marks: Sequence[Mark], end: int) -> int:
    """Where what ends there was written; inside a value that is where its reference ends."""
    before = [mark for mark in marks if mark.position < end]
    return max(before[-1].end, before[-1].end + end - before[-1].position - before[-1].length) if before else end
