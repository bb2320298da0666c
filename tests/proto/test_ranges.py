"""Ranges of sequence numbers are a set of numbers: what was added is there, joined and in order, around the wrap."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.testing.sequences import MOST_RANGES, SequenceRanges

WORD = 1 << 32
SPAN = 200
BASES = st.one_of(st.integers(0, WORD - 1), st.integers(WORD - SPAN, WORD - 1),
                  st.integers((WORD >> 1) - SPAN, WORD >> 1))
STEPS = st.lists(st.one_of(st.tuples(st.just("add"), st.integers(0, SPAN - 1), st.integers(1, 12)),
                           st.tuples(st.just("forget"), st.integers(0, SPAN), st.just(0))), min_size=20, max_size=120)


def runs(numbers):
    """The ranges of a set of numbers."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number:
            found[-1][1] += 1
        else:
            found.append([number, number + 1])
    return [tuple(one) for one in found]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(BASES, STEPS)
def test_ranges_are_a_set(base, steps):
    """A byte too much is data that nobody sent; one too few is sent again; a wrong order is found by nobody."""
    ranges, model, below = SequenceRanges(), set(), 0
    for what, first, length in steps:
        if what == "add":
            numbers = set(range(max(first, below), max(first + length, below)))
            if not numbers:
                continue
            room = len(runs(model)) < MOST_RANGES or len(runs(model | numbers)) <= MOST_RANGES
            assert ranges.add((base + min(numbers)) % WORD, (base + max(numbers) + 1) % WORD) == room
            model |= numbers if room else set()
        else:
            below = max(below, first)
            ranges.forget((base + first) % WORD)
            model = {number for number in model if number >= first}
        expected = runs(model)
        assert ranges.items == [((base + one) % WORD, (base + end) % WORD) for one, end in expected]
        assert ranges.total == len(model)
    for number in range(0, SPAN + 12, 3):
        place = next((at for at, (one, end) in enumerate(runs(model)) if one <= number < end), -1)
        assert ranges.find((base + number) % WORD) == place


def test_there_is_an_end_to_them():
    """Whoever sends every second byte makes as many ranges as there may be, and no more; joining goes on."""
    ranges = SequenceRanges()
    assert all(ranges.add(2 * number, 2 * number + 1) for number in range(MOST_RANGES))
    assert not ranges.add(2 * MOST_RANGES, 2 * MOST_RANGES + 1)
    assert not ranges.add(WORD - 5, WORD - 4)
    assert ranges.total == MOST_RANGES
    assert ranges.add(1, 2)
    assert len(ranges.items) == MOST_RANGES - 1
    assert ranges.add(0, 2 * MOST_RANGES)
    assert ranges.items == [(0, 2 * MOST_RANGES)]
