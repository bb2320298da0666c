"""Classifier's patterns and the decision machine: known programs, bounds, errors, and slow obvious matchers."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elements.standard.classification import Program
from elements.standard.classifier_pattern import compile_classifier
from elements.standard.pattern_error import PatternError

deterministic = settings(max_examples=100, deadline=None, derandomize=True)

ARP_AND_IP = """\
 0  12/08060000%ffff0000  yes->step 1  no->step 3
 1  20/00010000%ffff0000  yes->[0]  no->step 2
 2  20/00020000%ffff0000  yes->[1]  no->[3]
 3  12/08000000%ffff0000  yes->[2]  no->[3]
safe length 22
alignment offset 0
"""

PROGRAMS = [
    (["12/0806 20/0001", "12/0806 20/0002", "12/0800", "-"], ARP_AND_IP),
    (["12/0800"], " 0  12/08000000%ffff0000  yes->[0]  no->[X]\nsafe length 14\nalignment offset 0\n"),
    (["20/0001 12/0806"], " 0  12/08060000%ffff0000  yes->step 1  no->[X]\n"
                          " 1  20/00010000%ffff0000  yes->[0]  no->[X]\nsafe length 22\nalignment offset 0\n"),
    (["13/0?%f0"], " 0  12/00000000%00f00000  yes->[0]  no->[X]\nsafe length 14\nalignment offset 0\n"),
    (["12/08 13/00"], " 0  12/08000000%ffff0000  yes->[0]  no->[X]\nsafe length 14\nalignment offset 0\n"),
    (["-"], "all->[0]\nsafe length 0\nalignment offset 0\n"),
    ([], "all->[X]\nsafe length 0\nalignment offset 0\n"),
    (["12/0800 12/0806", "!0/00 0/00"], "all->[X]\nsafe length 0\nalignment offset 0\n"),
]


@pytest.mark.parametrize(("patterns", "text"), PROGRAMS)
def test_program_text(patterns, text):
    """What the `program` handler prints: the optimiser's order and jumps, in Click's format."""
    assert compile_classifier(patterns).text() == text


def test_long_offsets_are_not_headers():
    """Offsets of 256 and more mean headers to IPFilter, but are plain offsets to Classifier."""
    program = compile_classifier(["256/01", "512/02", "1000/03"])
    packet = bytearray(1200)
    for output, offset in enumerate((256, 512, 1000)):
        packet[offset] = output + 1
        assert program.match(packet) == output
        packet[offset] = 0
    assert program.match(packet) is None


@pytest.mark.parametrize(("packet", "output"), [
    (b"\1\2\3\4\5", 0), (b"\1\2\3\4", 1), (b"\1\2\3", 2), (b"\1\2", 2), (b"", 3), (b"\2", 3), (b"\2\2", 2),
])
def test_a_clause_fails_past_the_end(packet, output):
    """Negated or not: `!1/00` needs the byte at 1."""
    program = compile_classifier(["0/0102030405", "2/0304", "!1/00", "-"])
    assert program.match(packet) == output


ERRORS = [
    ("12", 0, 2, "'12' has no '/'"),
    ("12/0800 x/08", 8, 1, "offset 'x' is not a decimal number"),
    ("12/080", 3, 3, "value '080' has an odd number of digits"),
    ("12/08 13/0g", 10, 1, "'g' is not a hexadecimal digit"),
    ("! 12/", 4, 1, "value is missing"),
    ("12/08%", 5, 1, "mask is missing"),
    ("12/08%?f", 6, 1, "'?' is not a hexadecimal digit"),
    ("12/0800%ff", 8, 2, "mask 'ff' and value '0800' differ in length"),
    ("70000/00", 0, 5, "offset 70000 is too large"),
    ("", 0, 1, "empty pattern"),
    ("12/0800 -", 8, 1, "'-' must be a pattern of its own"),
]


@pytest.mark.parametrize(("pattern", "column", "length", "message"), ERRORS)
def test_errors_say_where(pattern, column, length, message):
    with pytest.raises(PatternError) as caught:
        compile_classifier(["12/0800", pattern])
    (problem,) = caught.value.problems
    assert (problem.pattern, problem.column, problem.length) == (1, column, length)
    assert message in problem.message


def test_all_errors_are_reported_at_once():
    with pytest.raises(PatternError) as caught:
        compile_classifier(["12", "12/0800", "a/00 b/00"])
    assert [(problem.pattern, problem.column) for problem in caught.value.problems] == [(0, 0), (2, 0), (2, 5)]
    assert caught.value.message.count("\n") == 2


def naive_clause(clause: str, packet: bytes) -> bool:
    """What a clause says, word by word as Click compares; past the end it is false."""
    negated, offset, value, mask = re.fullmatch(r"(!?)(\d+)/([0-9a-f?]+)(?:%([0-9a-f]+))?", clause).groups()
    wanted = {}
    for index in range(len(value) // 2):
        byte, bits = 0, 0
        for nibble in value[2 * index:2 * index + 2]:
            byte = byte << 4 | int(nibble.replace("?", "0"), 16)
            bits = bits << 4 | (0 if nibble == "?" else 15)
        bits &= int(mask[2 * index:2 * index + 2], 16) if mask else 255
        if bits:
            wanted[int(offset) + index] = byte & bits, bits
    for word in sorted({position // 4 for position in wanted}):
        inside = {position: wanted[position] for position in wanted if position // 4 == word}
        if max(inside) >= len(packet):
            return False
        if any(packet[position] & bits != byte for position, (byte, bits) in inside.items()):
            return bool(negated)
    return not negated


hex_digits = st.sampled_from("001f")


@st.composite
def clauses(draw):
    size = draw(st.integers(1, 5))
    value = "".join(draw(st.lists(st.sampled_from("0001f?"), min_size=2 * size, max_size=2 * size)))
    mask = "".join(draw(st.lists(hex_digits, min_size=2 * size, max_size=2 * size)))
    negation, under = draw(st.sampled_from(["", "", "!"])), draw(st.sampled_from(["", f"%{mask}"]))
    return f"{negation}{draw(st.integers(0, 9))}/{value}{under}"


packets = st.lists(st.sampled_from([0, 0, 1, 0x10, 0xFF]), max_size=16).map(bytes)


@deterministic
@given(st.lists(st.lists(clauses(), min_size=1, max_size=3), max_size=8), st.lists(packets, min_size=1, max_size=20))
def test_against_a_naive_matcher(patterns, frames):
    """A failure is a wrong word, a wrong jump, or a look past the end, where there is rubbish to be misled by."""
    program = compile_classifier([" ".join(pattern) for pattern in patterns])
    for packet in frames:
        expected = next((index for index, pattern in enumerate(patterns)
                         if all(naive_clause(clause, packet) for clause in pattern)), None)
        for rubbish in (bytes(8), b"\xff" * 8, b"\1\x10" * 4):
            assert program.match(memoryview(packet + rubbish)[:len(packet)]) == expected


@st.composite
def programs(draw):
    """Steps on few words and values, so that there are chains long enough for tables, entered at odd places."""
    count = draw(st.integers(1, 40))
    straight = draw(st.booleans())
    steps = []
    for number in range(count):
        def jump(number=number):
            later = [jump for jump in (number + 1, number + 2, count - 1) if number < jump < count]
            return draw(st.sampled_from([-1, -2, -3, *later]))
        mask, needed = draw(st.sampled_from([(0xFFFF0000, 2), (0xFFFF0000, 2), (0x00FF00FF, 4)]))
        if straight:
            mask, needed = 0x00FFFF00, 3
        offset = 4 if straight or draw(st.integers(0, 9)) else 0
        value = draw(st.integers(0, 30)) * 0x00010101 & mask
        no = number + 1 if number + 1 < count and draw(st.integers(0, 9)) else jump()
        steps.append((offset, mask, value, needed, jump(), no, jump()))
    return steps


def run_steps(steps, packet):
    at = 0
    while at >= 0:
        offset, mask, value, needed, yes, no, past_end = steps[at]
        word = int.from_bytes(packet[offset:offset + 4].ljust(4, b"\0"), "big")
        at = past_end if offset + needed > len(packet) else yes if word & mask == value else no
    return None if at == -1 else -2 - at


@deterministic
@given(programs(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 8)), min_size=20))
def test_machine_runs_steps_as_written(steps, choices):
    """Hash tables in the place of chains must not change what a program does, or how it is listed."""
    program = Program(steps)
    assert program.steps_list() == steps
    for first, second, length in choices:
        packet = (bytes([0, first, first, first, 0, second, second, second]))[:length]
        assert program.match(packet) == run_steps(steps, packet), program.text()


def test_long_chains_become_tables():
    """One look-up instead of a thousand comparisons; each value still finds its own output."""
    program = compile_classifier([f"12/{value:04x}" for value in range(1000)])
    assert (len(program), program.table_count) == (1000, 1)
    for value in range(1002):
        assert program.match(bytes(12) + value.to_bytes(2, "big")) == (value if value < 1000 else None)
        assert program.match(bytes(12) + value.to_bytes(2, "big") + bytes(9)) == (value if value < 1000 else None)
    assert program.match(bytes(13)) is None


@pytest.mark.parametrize("steps", [
    [(0, 255, 0, 4, 0, -1, -1)], [(0, 255, 0, 4, -1, 1, -1)], [(0, 0, 0, 1, -1, -1, -1)],
    [(0, 255, 256, 4, -1, -1, -1)], [(0, 255, 0, 3, -1, -1, -1)], [(70000, 255, 0, 4, -1, -1, -1)],
])
def test_a_program_cannot_loop_or_leave_its_steps(steps):
    with pytest.raises(ValueError, match="step 0"):
        Program(steps)


def test_repeated_questions_are_asked_once():
    """A thousand patterns that begin alike: the beginning is looked at once, the end in one table."""
    program = compile_classifier([f"12/0800 23/06 32/{value:08x}" for value in range(1000)])
    assert len(program) == 1002
    assert program.match(bytes(12) + b"\x08\0" + bytes(9) + b"\6" + bytes(8) + (77).to_bytes(4, "big")) == 77
