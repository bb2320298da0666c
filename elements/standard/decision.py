"""Conditions on the bytes of a packet, and their compilation to a decision program (Click's Classification::Wordwise).

Offsets are Click's: for a program with headers the MAC header starts at 0, the network header at 256 and the transport
header at 512; without headers they count from the start of the packet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from elements.standard.classification import DROP, Program, output_jump
from elements.standard.decision_facts import FRAGMENT_WORD, PROTOCOL_WORD
from elements.standard.decision_graph import Graph, mask_length
from elements.standard.decision_optimizer import optimize

SIMPLE_TESTS = 2
MANY = 8


@dataclass(frozen=True, slots=True)
class Always:
    """True, or false, of every packet."""

    value: bool


@dataclass(frozen=True, slots=True)
class Equal:
    """The four bytes at an offset, masked, equal a value; false if the packet ends before the last byte in the mask."""

    offset: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Greater:
    """The four bytes at an offset, masked, are a number greater than a value.

    False if the packet ends before the last byte in the mask; or, without looking, if nothing under it is greater.
    """

    offset: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The condition that belongs to the first true one of several, else the last condition."""

    cases: tuple[tuple[Condition, Condition], ...]
    otherwise: Condition


@dataclass(frozen=True, slots=True)
class Present:
    """A condition, false as a whole where evaluating it looks past the end of the packet, so even with Not inside."""

    condition: Condition


Condition: TypeAlias = "Always | Equal | Greater | Not | All | AnyOf | Choice | Present"


def compile_program(rules: Sequence[tuple[Condition, int | None]], *, headers: bool) -> Program:
    """The program that sends each packet to the output of the first rule whose condition holds (None: drops it).

    A packet for which none holds is dropped. Raises OverflowError if the program would be too large.
    """
    graph = Graph(headers)
    entry = DROP
    try:
        for output, group in groupby(reversed(rules), key=lambda rule: rule[1]):
            alike = [condition for condition, _ in group]
            entry = emit(graph, AnyOf(tuple(reversed(alike))), output_jump(output), entry, None)
    except RecursionError:
        raise OverflowError("the patterns are nested too deeply; simplify them") from None
    return optimize(graph, entry).program()


def emit(graph: Graph, condition: Condition, yes: int, no: int, past_end: int | None) -> int:
    """Add the nodes of a condition that goes on to `yes` or `no`; the first node, or the jump if nothing need be asked.

    `past_end` is where a test that looks past the end goes: None means to its own "no".
    """
    match condition:
        case Equal(offset, mask, value):
            return graph.node(offset, mask, value, mask_length(mask), yes, no, no if past_end is None else past_end)
        case Greater():
            return emit_greater(graph, condition, yes, no, no if past_end is None else past_end)
        case Always(value):
            return yes if value else no
        case Not(inner):
            return emit(graph, inner, no, yes, past_end)
        case All(conditions):
            for inner in reversed(conditions if past_end is not None else in_order(conditions)):
                yes = emit(graph, inner, yes, no, past_end)
            return yes
        case AnyOf(conditions):
            for inner in reversed(conditions if past_end is not None else alternatives(conditions)):
                no = emit(graph, inner, yes, no, past_end)
            return no
        case Choice(cases, otherwise):
            other = emit(graph, otherwise, yes, no, past_end)
            for test, then in reversed(cases):
                other = emit(graph, test, emit(graph, then, yes, no, past_end), other, past_end)
            return other
        case Present(inner):
            return emit(graph, inner, yes, no, no if past_end is None else past_end)


def emit_greater(graph: Graph, test: Greater, yes: int, no: int, past_end: int) -> int:
    """A comparison as tests of runs of bits, the most significant first.

    Where the value has zeros, any one in the packet makes it greater; where it has ones, any zero makes it less. The
    last run of ones need not be asked: neither equal nor less is greater. A one outside the mask cannot be reached.
    """
    runs: list[tuple[int, bool]] = []
    for bit in (1 << position for position in reversed(range(32))):
        one = bool(test.value & bit)
        if not test.mask & bit:
            if one:
                break
            continue
        if runs and runs[-1][1] == one:
            runs[-1] = runs[-1][0] | bit, one
        else:
            runs.append((bit, one))
    target, needed = no, mask_length(test.mask)
    for bits, one in reversed(runs):
        if one and target == no:
            continue
        target = graph.node(test.offset, bits, bits if one else 0, needed, target, no if one else yes, past_end)
    return target


def in_order(conditions: tuple[Condition, ...]) -> list[Condition]:
    """Terms of a conjunction in the order that lets rules share most: protocol, fragment, cheap ones by offset."""
    flat: list[Condition] = []
    for condition in conditions:
        flat.extend(in_order(condition.conditions) if isinstance(condition, All) else [condition])
    return sorted(flat, key=order_key)


def alternatives(conditions: tuple[Condition, ...]) -> list[Condition]:
    """Terms of a disjunction; many are put together where they begin alike or compare the same bits.

    So a long list of hosts or ports becomes few chains of comparisons, which the machine runs as look-ups.
    """
    flat: list[Condition] = []
    for condition in conditions:
        while isinstance(condition, All) and len(condition.conditions) == 1:
            condition = condition.conditions[0]
        flat.extend(alternatives(condition.conditions) if isinstance(condition, AnyOf) else [condition])
    if len(flat) < MANY:
        return flat
    groups: dict[Condition, list[tuple[Condition, ...]]] = {}
    for condition in flat:
        first, *rest = in_order((condition,)) or [Always(True)]
        groups.setdefault(first, []).append(tuple(rest))
    found: list[Condition] = []
    for first, rests in groups.items():
        if () in rests:
            found.append(first)
        else:
            found.append(All((first, *rests[0])) if len(rests) == 1 else All((first, AnyOf(tuple(map(All, rests))))))
    equal = [condition for condition in found if isinstance(condition, Equal)]
    return [*sorted(equal, key=lambda test: (test.offset, test.mask)),
            *(condition for condition in found if not isinstance(condition, Equal))]


def order_key(condition: Condition) -> tuple[int, int]:
    """Where to put a term among others; terms that ask for more than one word keep their order, after the others."""
    found: list[Equal | Greater] = []
    for test in tests_in(condition):
        found.append(test)
        if len(found) > SIMPLE_TESTS or test.offset != found[0].offset:
            return 2, 0
    if not found:
        return 0, 0
    offset = found[0].offset
    return 1, -2 if offset == PROTOCOL_WORD else -1 if offset == FRAGMENT_WORD else offset


def tests_in(condition: Condition) -> Iterator[Equal | Greater]:
    """The tests a condition consists of."""
    match condition:
        case Equal() | Greater():
            yield condition
        case Not(inner) | Present(inner):
            yield from tests_in(inner)
        case All(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from tests_in(inner)
        case Choice(cases, otherwise):
            for test, then in cases:
                yield from tests_in(test)
                yield from tests_in(then)
            yield from tests_in(otherwise)
