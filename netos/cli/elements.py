"""netos elements: list the element classes, with their family and what they do."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

SUMMARY = "list the element classes"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos elements", description=SUMMARY)
    made.add_argument("patterns", metavar="PATTERN", nargs="*",
                      help="only classes or families that match, or whose line has the word in it")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 1 when no class matches."""
    from netos.registry import default_registry

    options = parser().parse_args(argv)
    rows = [(name, *facts(default_registry.find(name))) for name in default_registry.names()]
    rows = [row for row in rows if not options.patterns or any(matches(row, pattern) for pattern in options.patterns)]
    if not rows:
        print(f"no element matches {' '.join(options.patterns)}")
        return 1
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, family, purpose in rows:
        print(f"{name:<{widths[0]}}  {family:<{widths[1]}}  {purpose}".rstrip())
    return 0


def facts(element_class: Any) -> tuple[str, str]:
    """The family of a class, and the first sentence of its description."""
    lines = (inspect.getdoc(element_class) or "").strip().splitlines()
    return element_class.__module__.split(".")[-2], lines[0] if lines else ""


def matches(row: tuple[str, str, str], pattern: str) -> bool:
    """Whether a row is asked for."""
    name, family, purpose = (text.lower() for text in row)
    pattern = pattern.lower()
    return fnmatch(name, pattern) or fnmatch(family, pattern) or pattern in f"{name} {purpose}"
