"""Files of IPFilter's rules, one a line."""

from __future__ import annotations

from collections.abc import Callable

from elements.ip.filter_compile import compile_ip_filter
from elements.ip.filter_names import Resolve
from elements.standard.classification import Program
from elements.standard.pattern_error import PatternError
from netos.errors import NetosError

SHOWN = 20


def compile_rule_file(path: str, outputs: int, resolve: Resolve, warn: Callable[[str], None]) -> tuple[Program, int]:
    """The program for the rules in a file, and how many they are; NetosError names file and line of each mistake."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [(number, line.partition("#")[0].strip()) for number, line in enumerate(file, 1)]
    except OSError as error:
        raise NetosError(f"cannot read {path}: {error.strerror}") from None
    rules = [(number, line) for number, line in lines if line]
    try:
        program = compile_ip_filter(
            [line for _, line in rules], outputs=outputs, resolve=resolve,
            warn=lambda problem: warn(f"{path}:{rules[problem.pattern][0]}: {problem.message}"))
    except PatternError as error:
        shown = [f"{path}:{rules[problem.pattern][0]}: {problem.message}" for problem in error.problems[:SHOWN]]
        if len(error.problems) > SHOWN:
            shown.append(f"and {len(error.problems) - SHOWN} mistakes more")
        raise NetosError("\n".join(shown)) from None
    return program, len(rules)
