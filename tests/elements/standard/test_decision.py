"""Conditions compile to programs that agree with their meaning, however the optimiser rearranges them.

The tests look at few bits of two words, so that most questions are asked again, in part or under another mask, and what
is known on one way to a step is wrong on another. That is where jump threading is easily unsound.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elements.standard import decision
from elements.standard.decision import All, Always, AnyOf, Choice, Greater, Not, Present, compile_program

Equal = decision.Equal
MASKS = [0xF0000000, 0x30000000, 0x00C00000, 0x30C00000, 0x00100000, 0x10000010, 0x00000030, 0x30C00030]
NUMBERS = [0, 0x10, 0x20, 0x30, 0x40, 0x80, 0xC0, 0xFF]
EXAMPLES = 50


class PastEnd(Exception):
    """The evaluator looked past the end."""


def word(condition, packet, start):
    needed = next(size for size in (4, 3, 2, 1) if condition.mask >> 8 * (4 - size) & 0xFF)
    at = condition.offset - start
    if at + needed > len(packet):
        raise PastEnd
    return int.from_bytes(packet[at:at + 4].ljust(4, b"\0"), "big") & condition.mask


def holds(condition, packet, start, strict=False):
    """What a condition means; in `Present`, that is `strict`, PastEnd ends the evaluation."""
    def inner(part):
        return holds(part, packet, start, strict)
    match condition:
        case Always(value):
            return value
        case Not(part):
            return not inner(part)
        case All(parts):
            return all(map(inner, parts))
        case AnyOf(parts):
            return any(map(inner, parts))
        case Choice(cases, otherwise):
            return inner(next((then for test, then in cases if inner(test)), otherwise))
    try:
        match condition:
            case Equal(_, _, value):
                return word(condition, packet, start) == value
            case Greater(_, _, value):
                return value < condition.mask and word(condition, packet, start) > value
            case Present(part):
                return holds(part, packet, start, True)
    except PastEnd:
        if strict:
            raise
        return False


def conditions(offsets):
    offset, mask = st.sampled_from(offsets), st.sampled_from(MASKS)
    numbers = st.sampled_from(NUMBERS).map(lambda number: number * 0x01010101)
    tests = st.builds(lambda at, mask, value: Equal(at, mask, value & mask), offset, mask, numbers)
    greater = st.builds(Greater, offset, mask, numbers)
    simple = st.one_of(tests, tests, tests, greater, st.builds(Always, st.booleans()))

    def larger(part):
        parts = st.lists(part, min_size=2, max_size=4).map(tuple)
        pairs = st.lists(st.tuples(part, part), min_size=1, max_size=2).map(tuple)
        return st.one_of(st.builds(All, parts), st.builds(AnyOf, parts), st.builds(Not, part),
                         st.builds(Choice, pairs, part))
    presents = st.recursive(simple, larger, max_leaves=4).map(Present)
    return st.recursive(st.one_of(simple, simple, presents), larger, max_leaves=16)


def random_packets(seed):
    random = Random(seed)
    return [bytes(random.choice(NUMBERS) for _ in range(random.choice([8, 8, 8, 0, 1, 2, 3, 4, 5, 6, 7])))
            for _ in range(60)]


packets = st.integers(0, 1 << 30).map(random_packets)
deterministic = settings(max_examples=EXAMPLES, deadline=None, derandomize=True)


def check(rules, frames, start):
    program = compile_program(rules, headers=start > 0)
    for packet in frames:
        expected = next((output for condition, output in rules if holds(condition, packet, start)), None)
        found = program.match_headers(packet, 0, None) if start else program.match(packet)
        assert found == expected, (rules, packet.hex(), program.text())


@deterministic
@given(st.lists(st.tuples(conditions([0, 4]), st.sampled_from([None, 0, 1, 2])), min_size=1, max_size=8), packets)
def test_plain_programs(rules, frames):
    check(rules, frames, 0)


@deterministic
@given(st.lists(st.tuples(conditions([256 + 4, 256 + 8]), st.sampled_from([None, 0, 1])), min_size=1, max_size=8),
       packets)
def test_programs_on_headers(rules, frames):
    """These are also copied for contexts: the words are those of fragment offset and protocol."""
    check(rules, [bytes(4) + packet for packet in frames], 256)


ONE, TWO, THREE = (Equal(0, 0xFF000000, number << 24) for number in (1, 2, 3))
CORNERS = {
    "known bits do not make a longer field present":
        All((Equal(0, 0x30000000, 0x10000000), Greater(0, 0x30C00000, 0x00800000))),
    "a negation of two bytes is decided by the first alone":
        Present(Not(All((ONE, Equal(0, 0x00FF0000, 0x10000))))),
    "comparisons that share an end are not one chain":
        All((TWO, Choice(((Equal(0, 0x00FF0000, 0x10000), AnyOf((ONE, THREE))),), AnyOf((TWO, THREE))))),
    "what was refuted on one way only is not refuted":
        Present(All((AnyOf((Equal(0, 0x00FF0000, 0x10000), Not(ONE))), Equal(0, 0xFF00, 0), AnyOf((ONE, TWO))))),
}


@pytest.mark.parametrize("condition", CORNERS.values(), ids=CORNERS)
def test_corners(condition):
    values = (0, 1, 2, 3, 0x10, 0x90)
    frames = [bytes([first, second, 0, 0])[:length] for first in values for second in values for length in range(5)]
    check([(condition, 0)], frames, 0)


@pytest.mark.parametrize(("rules", "steps"), [
    ([(All((Equal(0, 255, 1), Equal(0, 255, 2))), 0)], 0),
    ([(AnyOf((Equal(0, 255, 1), Not(Equal(0, 255, 1)))), 0)], 0),
    ([(All((Equal(0, 0xFF00, 0x100), Equal(0, 0xFF, 2))), 0)], 1),
    ([(All((Equal(0, 255, 1), Equal(4, 255, 1))), 0), (All((Equal(0, 255, 1), Equal(4, 255, 2))), 1)], 3),
    ([(Equal(0, 0xF0, 0), 0), (Equal(0, 0xFF, 7), 1), (Equal(4, 1, 1), 2)], 2),
    ([(Equal(0, 1, 1), 0), (Equal(0, 1, 0), 1), (Equal(4, 1, 1), 2)], 1),
])
def test_what_is_known_is_not_asked(rules, steps):
    """The last: a packet that has the first word has taken one output or the other; without it, it has no second."""
    assert len(compile_program(rules, headers=False)) == steps


def test_a_program_that_would_be_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("elements.standard.decision_graph.LARGEST", 10)
    with pytest.raises(OverflowError, match="more than 10 decision steps"):
        compile_program([(Equal(4 * number, 255, 1), number) for number in range(11)], headers=False)
