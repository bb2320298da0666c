"""What the doctor finds: one line of meaning a check, and the command that would make it well."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """The outcome of one check; `fix` is what to type, empty when all is well."""

    check: str
    level: Level
    meaning: str
    fix: str = ""


def fine(check: str, meaning: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", meaning)


def warning(check: str, meaning: str, fix: str) -> Finding:
    """netos runs, but slower, or without something."""
    return Finding(check, "warning", meaning, fix)


def problem(check: str, meaning: str, fix: str) -> Finding:
    """netos does not run."""
    return Finding(check, "problem", meaning, fix)
