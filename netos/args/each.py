"""Reading the repeated arguments of an element one by one, so that its errors say which of them is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from netos.errors import ArgumentError, ArgumentErrors

Given = TypeVar("Given")
Made = TypeVar("Made")


def read_each(read: Callable[[Given], Made], arguments: Iterable[Given]) -> list[Made]:
    """What `read` makes of each argument; when some are wrong, ArgumentErrors about all of those."""
    found: list[Made] = []
    errors: list[ArgumentError] = []
    positions: list[int | None] = []
    for position, argument in enumerate(arguments):
        try:
            found.append(read(argument))
        except ArgumentError as error:
            errors.append(error)
            positions.append(position)
    if errors:
        raise ArgumentErrors(errors, positions, repeated=True)
    return found
