"""Errors and diagnostics: what goes wrong on the control path, as data that any front end can render."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Location(NamedTuple):
    """A place in a configuration text; lines and columns count from 1, and 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    @property
    def landmark(self) -> str:
        """Click's spelling of the place, FILE:LINE."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.landmark}:{self.column}" if self.line and self.column else self.landmark


class Diagnostic(NamedTuple):
    """One complaint about a configuration.

    `length` is the width of the text to underline. `hints` say what to do about it, `notes` are lines that
    belong under the message. `context` is a line such as "While configuring 'x :: X':" that neighbours may share.
    `landmark` is FILE:LINE as Click gives it, where Click points at another line.
    """

    severity: Severity
    message: str
    location: Location
    length: int = 1
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    context: str = ""
    landmark: str = ""


class Diagnostics:
    """The complaints about one configuration, in the order they were found."""

    def __init__(self, entries: Iterable[Diagnostic] = ()) -> None:
        self.entries = list(entries)

    def append(self, diagnostic: Diagnostic) -> None:
        """Add one complaint."""
        self.entries.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add several complaints."""
        self.entries.extend(diagnostics)

    @property
    def errors(self) -> list[Diagnostic]:
        """The complaints that forbid the configuration."""
        return [entry for entry in self.entries if entry.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        """The complaints that do not."""
        return [entry for entry in self.entries if entry.severity == "warning"]

    @property
    def has_errors(self) -> bool:
        """Whether the configuration must be refused."""
        return any(entry.severity == "error" for entry in self.entries)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class NetosError(Exception):
    """Any error netos raises on purpose."""


class ConfigError(NetosError):
    """A configuration was refused; `diagnostics` says everything that is wrong with it."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("\n".join(f"{entry.location}: {entry.message}" for entry in diagnostics.errors))
        self.diagnostics = diagnostics


class ArgumentError(NetosError):
    """One argument of an element is wrong; `keyword` names it where it has a name.

    `argument` says which of an element's repeated arguments it is (from 0); `column` and `length` which part of its
    text (length 0: all from there on).
    """

    def __init__(self, message: str, keyword: str | None = None, argument: int | None = None, column: int = 0,
                 length: int = 0) -> None:
        super().__init__(f"{keyword}: {message}" if keyword else message)
        self.message = message
        self.keyword = keyword
        self.argument = argument
        self.column = column
        self.length = length

    def each(self) -> Sequence[ArgumentError]:
        """The errors this one consists of."""
        return (self,)


class ArgumentErrors(NetosError):
    """Everything that is wrong with the arguments of one element.

    `positions` says for each error which argument (from 0) it is about, None where an argument is missing. They count
    all arguments, or just those that no other parameter takes if they are an element's own errors (`repeated`).
    """

    def __init__(self, errors: Sequence[ArgumentError], positions: Sequence[int | None], repeated: bool = False
                 ) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)
        self.positions = tuple(positions)
        self.repeated = repeated

    def each(self) -> Sequence[ArgumentError]:
        """The errors this one consists of, each with its position."""
        return [ArgumentError(error.message, error.keyword, position, error.column, error.length)
                for error, position in zip(self.errors, self.positions)]


class HandlerError(NetosError):
    """A handler does not exist, or refused what it was asked or told."""


class DeviceError(NetosError):
    """A device cannot be used; `fix` says what would make it work."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message} ({fix})" if fix else message)
        self.message = message
        self.fix = fix
