"""Classifier's patterns, `offset/value[%mask]` clauses, compiled to a decision program (Click's Classifier).

A clause gives bytes in hexadecimal, `?` for four bits that may be anything; `!` before it negates it. A pattern's
clauses must all hold; `-` holds for every packet. A clause that looks past a packet's end fails, negated or not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from elements.standard.classification import Program
from elements.standard.decision import All, Always, Condition, Equal, Not, Present, compile_program
from elements.standard.pattern_error import Complaint, PatternError, PatternProblem

OFFSET_LIMIT = 65_535
CLAUSE = re.compile(r"(?:!\s*)?\S+")
PARTS = re.compile(r"(?P<not>(?:!\s*)?)(?P<offset>[^/]*)(?P<slash>/?)(?P<value>[^%]*)(?P<percent>%?)(?P<mask>.*)")


def compile_classifier(patterns: Sequence[str]) -> Program:
    """The program that sends a packet to the output with the index of the first pattern it matches.

    Raises PatternError with everything that is wrong with the patterns.
    """
    problems: list[PatternProblem] = []
    rules: list[tuple[Condition, int | None]] = []
    for index, pattern in enumerate(patterns):
        condition, complaints = parse_pattern(pattern)
        problems.extend(complaint.problem(index) for complaint in complaints)
        rules.append((condition, index))
    if problems:
        raise PatternError(problems)
    try:
        return compile_program(rules, headers=False)
    except OverflowError as error:
        raise PatternError([PatternProblem(0, 0, 1, str(error))]) from None


def parse_pattern(pattern: str) -> tuple[Condition, list[Complaint]]:
    """What a pattern asks, and what is wrong with it."""
    if pattern.strip() == "-":
        return Always(True), []
    clauses: list[Condition] = []
    complaints: list[Complaint] = []
    words = list(CLAUSE.finditer(pattern))
    for word in words:
        try:
            clauses.append(parse_clause(word.group(), word.start()))
        except Complaint as complaint:
            complaints.append(complaint)
    if not words:
        complaints.append(Complaint("empty pattern: use '-' to match every packet", 0, len(pattern)))
    return All(tuple(clauses)), complaints


def parse_clause(clause: str, column: int) -> Condition:
    """The condition of one clause, which starts at a column of its pattern."""
    parts = PARTS.fullmatch(clause)
    assert parts is not None, "the expression leaves nothing out"
    offset_text, value_text, mask_text = parts["offset"], parts["value"], parts["mask"]
    if not parts["slash"]:
        raise Complaint("'-' must be a pattern of its own" if clause == "-" else
                        f"'{clause}' has no '/': write OFFSET/VALUE, as 12/0800", column, len(clause))
    if not re.fullmatch(r"[0-9]+", offset_text):
        raise Complaint(f"offset '{offset_text}' is not a decimal number",
                        column + parts.start("offset"), len(offset_text))
    value, wild = hexadecimal(value_text, "value", column + parts.start("value"))
    mask = bytes(b"\xff" * len(value))
    if parts["percent"]:
        mask, _ = hexadecimal(mask_text, "mask", column + parts.start("mask"), wildcards=False)
        if len(mask) != len(value):
            raise Complaint(f"mask '{mask_text}' and value '{value_text}' differ in length",
                            column + parts.start("mask"), len(mask_text))
    if len(offset_text) > 9 or int(offset_text) + len(value) > OFFSET_LIMIT:
        raise Complaint(f"offset {offset_text} is too large (the value must end before byte {OFFSET_LIMIT})",
                        column + parts.start("offset"), len(offset_text))
    words = word_tests(int(offset_text), value, bytes(a & b for a, b in zip(mask, wild, strict=True)))
    return Present(Not(All(words))) if parts["not"] else All(words)


def hexadecimal(text: str, what: str, column: int, wildcards: bool = True) -> tuple[bytes, bytes]:
    """The bytes of a value, and the mask that leaves its wildcards out."""
    allowed = "0-9a-fA-F?" if wildcards else "0-9a-fA-F"
    wrong = re.search(f"[^{allowed}]", text)
    if wrong:
        raise Complaint(f"{what} '{text}': '{wrong.group()}' is not a hexadecimal digit{' or ?' if wildcards else ''}",
                        column + wrong.start())
    if not text:
        raise Complaint(f"{what} is missing: give its bytes in hexadecimal", max(column - 1, 0))
    if len(text) % 2:
        raise Complaint(f"{what} '{text}' has an odd number of digits: two make a byte", column, len(text))
    return (bytes.fromhex(text.replace("?", "0")),
            bytes.fromhex("".join("0" if digit == "?" else "f" for digit in text)))


def word_tests(offset: int, value: bytes, mask: bytes) -> tuple[Equal, ...]:
    """The tests, on words at multiples of four as Click has them, that compare bytes at an offset under a mask."""
    before = offset % 4
    end = -(before + len(value)) % 4
    value = bytes(before) + bytes(a & b for a, b in zip(value, mask, strict=True)) + bytes(end)
    mask = bytes(before) + mask + bytes(end)
    tests = (Equal(offset - before + start, int.from_bytes(mask[start:start + 4], "big"),
                  int.from_bytes(value[start:start + 4], "big")) for start in range(0, len(value), 4))
    return tuple(test for test in tests if test.mask)
