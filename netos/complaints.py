"""Complaints: the errors of an element's arguments as diagnostics that point at what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from netos.args import Syntax
from netos.errors import ArgumentError, ArgumentErrors, Diagnostic, Location, NetosError, Severity
from netos.lang.graph import GraphElement, Origin
from netos.lang.places import Place, argument_place, argument_span, arguments_place, end_place, use_notes
from netos.lang.quoting import split_arguments
from netos.lang.sources import Source

if TYPE_CHECKING:
    from netos.element import Element


class Complaint(NamedTuple):
    """A message about an argument by its index, or about all (None), or (`missing`) about one that is not there."""

    message: str
    argument: int | None = None
    column: int = 0
    length: int = 0
    missing: bool = False


def diagnostics(severity: Severity, element: Element, declared: GraphElement | None,
                error: NetosError | MemoryError | str, doing: str) -> Iterator[Diagnostic]:
    """What is wrong with an element, or remarkable; `declared` is the element in the graph it was made from."""
    origin = declared.origin if declared is not None else None
    location = element.location or Location("config")
    own = Place(location, max(len(element.name.rpartition("/")[2].partition("@")[0]), 1))
    context = f"While {doing} '{element.name} :: {type(element).__name__}':"
    if not isinstance(error, ArgumentError | ArgumentErrors):
        message = str(error) or "there is no memory for it"
        yield Diagnostic(severity, message, own.location, own.length, context=context)
        return
    for complaint in complaints(error, type(element), origin.configuration if origin else element.configuration):
        place = (origin and complaint_place(origin, complaint)) or own
        notes = use_notes(origin) if origin and (place.replaced or complaint.missing) else ()
        yield Diagnostic(severity, complaint.message, place.location, place.length, (), notes, context,
                         location.landmark)


def complaint_place(origin: Origin, complaint: Complaint) -> Place | None:
    """What to point at."""
    if complaint.missing:
        return end_place(origin)
    if complaint.argument is None:
        return arguments_place(origin)
    return argument_place(origin, complaint.argument, complaint.column, complaint.length)


def complaints(error: ArgumentError | ArgumentErrors, element_class: type[Element], text: str) -> list[Complaint]:
    """What is wrong with the arguments in a text, and with which of them."""
    if isinstance(error, ArgumentErrors) and not error.repeated:
        return [Complaint(str(each), index, each.column, each.length, index is None)
                for each, index in zip(error.errors, error.positions)]
    syntax = Syntax.of(element_class.configure)
    taken = syntax.takers(split_arguments(text))
    rest = taken.get(syntax.rest, ())
    return [complaint(each, syntax, taken, rest) for each in error.each()]


def complaint(error: ArgumentError, syntax: Syntax, taken: dict[str, list[int]], rest: Sequence[int]) -> Complaint:
    """The complaint of an element's own configure(), which does not know where its arguments stood."""
    if error.argument is not None:
        index = rest[error.argument] if error.argument < len(rest) else None
        return Complaint(str(error), index, error.column, error.length)
    parameter = syntax.by_keyword.get(error.keyword or "")
    if parameter is None:
        return Complaint(str(error))
    given = taken.get(parameter.name)
    return Complaint(str(error), given[-1] if given else None, missing=not given)


def explain(element: Element, error: Exception, text: str, everything: bool = False) -> str:
    """What is wrong with a text that was written to an element, with line and column where it has several arguments.

    Unless it is `everything` the element is told, its arguments are only the repeated ones.
    """
    if not isinstance(error, ArgumentError | ArgumentErrors) or not (
            everything or any(each.argument is not None for each in error.each())):
        return str(error)
    source = Source(text, "")
    lines = []
    for message, index, column, length, _ in complaints(error, type(element), text):
        start, end = argument_span(text, index, column, length) if index is not None else (0, len(text))
        place = source.location(start)
        if text[start:end].strip() == text.strip():
            lines.append(message)
        elif len(source.starts) > 1:
            lines.append(f"{message} (line {place.line}, column {place.column})")
        else:
            lines.append(f"{message} (column {place.column})")
    return "\n  ".join(lines)
