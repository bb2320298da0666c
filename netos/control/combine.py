"""One answer from those of several replicas, by the rules of netos.handlers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count

from netos.handlers import Handler, text_of

WHOLE = re.compile(r"[+-]?[0-9]+")
FIELD = re.compile(r"(?<!\S)[0-9]+(?!\S)")


def combine(handler: Handler, answers: Sequence[str]) -> str:
    """What the handler answers for all replicas; the answer itself where there is one replica."""
    if len(answers) == 1:
        return answers[0]
    return RULES[handler.combine or default_rule(handler, answers)](answers)


def default_rule(handler: Handler, answers: Sequence[str]) -> str:
    """How answers are combined of which the element says nothing."""
    if handler.write is None and all(WHOLE.fullmatch(answer.strip()) for answer in answers):
        return "sum"
    return "first" if len(set(answers)) == 1 else "concatenate"


def numeric(choose: Callable[[Sequence[float]], float]) -> Callable[[Sequence[str]], str]:
    """The rule that makes one number of several; what is no number is concatenated."""
    def rule(answers: Sequence[str]) -> str:
        try:
            numbers: Sequence[float] = [int(answer) if WHOLE.fullmatch(answer.strip()) else float(answer)
                                        for answer in answers]
        except ValueError:
            return concatenate(answers)
        return text_of(choose(numbers)) + ("\n" if answers[0].endswith("\n") else "")

    return rule


def concatenate(answers: Sequence[str]) -> str:
    """Each answer under a heading."""
    return "".join(f"replica {number}:\n{answer}{'' if not answer or answer.endswith(chr(10)) else chr(10)}"
                   for number, answer in enumerate(answers))


def lines(answers: Sequence[str]) -> str:
    """All lines, equal ones once."""
    return "".join(dict.fromkeys(line for answer in answers for line in answer.splitlines(keepends=True)))


def entries(answers: Sequence[str]) -> str:
    """A line for each first word."""
    found: dict[str, str] = {}
    for answer in answers:
        for line in answer.splitlines(keepends=True):
            found.setdefault(line.split(maxsplit=1)[0] if line.strip() else "", line)
    return "".join(found.values())


def table(answers: Sequence[str]) -> str:
    """Lines that differ in whole numbers only become one, with the sums."""
    found: dict[tuple[str, int], tuple[str, list[int]]] = {}
    for answer in answers:
        seen: dict[str, count[int]] = {}
        for line in answer.splitlines(keepends=True):
            form = " ".join(FIELD.sub("\0", line).split())
            key = form, next(seen.setdefault(form, count()))
            numbers = [int(number) for number in FIELD.findall(line)]
            first, sums = found.get(key, (line, [0] * len(numbers)))
            found[key] = first, [total + number for total, number in zip(sums, numbers)]
    return "".join(with_numbers(line, sums) for line, sums in found.values())


def with_numbers(line: str, numbers: Sequence[int]) -> str:
    """A line with other numbers in the places of its own."""
    left = iter(numbers)
    return FIELD.sub(lambda _: str(next(left)), line)


RULES: dict[str, Callable[[Sequence[str]], str]] = {
    "sum": numeric(sum), "max": numeric(max), "min": numeric(min), "table": table, "lines": lines, "entries": entries,
    "first": lambda answers: answers[0], "concatenate": concatenate,
}
