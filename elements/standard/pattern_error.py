"""What is wrong with packet patterns, and where in their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netos.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class PatternProblem:
    """One complaint: the pattern's index, and the part of its text that it is about; all count from 0."""

    pattern: int
    column: int
    length: int
    message: str

    def __str__(self) -> str:
        return f"pattern {self.pattern}: {self.message}"

    def error(self) -> ArgumentError:
        """The complaint as the error of an argument; patterns are the repeated arguments of their element."""
        return ArgumentError(str(self), None, self.pattern, self.column, self.length)


class PatternError(ArgumentError):
    """Patterns that cannot be compiled; `problems` lists everything that is wrong, in the order of the text."""

    def __init__(self, problems: Iterable[PatternProblem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.pattern, problem.column))
        super().__init__("\n".join(map(str, self.problems)))

    def each(self) -> list[ArgumentError]:
        return [problem.error() for problem in self.problems]


class Complaint(Exception):
    """Raised inside a pattern's compiler about one part of its text, to be collected as a PatternProblem."""

    def __init__(self, message: str, column: int, length: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.length = max(length, 1)

    def problem(self, pattern: int) -> PatternProblem:
        """The complaint about the pattern of this index."""
        return PatternProblem(pattern, self.column, self.length, self.message)
