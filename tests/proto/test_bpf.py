"""The BPF machine does what a reference in Python does, whatever the program, and refuses programs that could leave."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.proto.bpf import BpfProgram

ALU = {0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b, 0x30: lambda a, b: a // b,
       0x40: lambda a, b: a | b, 0x50: lambda a, b: a & b, 0x60: lambda a, b: a << b if b < 32 else 0,
       0x70: lambda a, b: a >> b, 0x90: lambda a, b: a % b, 0xA0: lambda a, b: a ^ b, 0x80: lambda a, b: -a}
JUMPS = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: a & b}
SIZES = {0x00: 4, 0x08: 2, 0x10: 1}


def reference(program, data):
    """What a program says of a packet: true or false."""
    a = x = at = 0
    memory = [0] * 16
    while True:
        code, yes, no, k = program[at]
        at += 1
        kind = code & 7
        if kind == 4:
            operand = x if code & 8 else k
            if code & 0xF0 in (0x30, 0x90) and operand == 0:
                return False
            a = ALU[code & 0xF0](a, operand) & 0xFFFFFFFF
        elif kind == 5:
            at += k if code == 5 else yes if JUMPS[code & 0xF0](a, x if code & 8 else k) else no
        elif kind == 6:
            return bool(a if code == 0x16 else k)
        elif kind == 7:
            a, x = (x, x) if code == 0x87 else (a, a)
        elif kind == 2:
            memory[k] = a
        elif kind == 3:
            memory[k] = x
        elif code & 0xE0 in (0x20, 0x40) and kind == 0:
            place, size = k + (x if code & 0xE0 == 0x40 else 0), SIZES[code & 0x18]
            if place + size > len(data):
                return False
            a = int.from_bytes(data[place:place + size], "big")
        elif code == 0xB1:
            if k >= len(data):
                return False
            x = 4 * (data[k] & 15)
        else:
            value = {0x00: k, 0x80: len(data), 0x60: memory[k & 15]}[code & 0xE0]
            a, x = (a, value) if kind else (value, x)


SMALL = st.integers(0, 40) | st.integers(0, 2**32 - 1)
PLAIN = st.one_of(
    st.tuples(st.sampled_from([0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x80, 0x01, 0x81, 0xB1, 0x07, 0x87, 0x84]),
              st.just(0), st.just(0), SMALL),
    st.tuples(st.sampled_from([0x60, 0x61, 0x02, 0x03]), st.just(0), st.just(0), st.integers(0, 15)),
    st.tuples(st.sampled_from([code | 4 | by for code in ALU if code != 0x80 for by in (0, 8)]), st.just(0), st.just(0),
              SMALL.filter(bool)))
JUMP = st.tuples(st.sampled_from([code | 5 | by for code in JUMPS for by in (0, 8)] + [5]), st.integers(0, 3),
                 st.integers(0, 3), st.integers(0, 3))
ENDS = [(0x16, 0, 0, 0), (0x06, 0, 0, 0), (0x06, 0, 0, 1), (0x16, 0, 0, 0)]


@settings(deadline=None)
@given(body=st.lists(PLAIN | JUMP, max_size=20), data=st.binary(max_size=40))
def test_any_program_does_what_the_reference_does(body, data):
    program = [*body, *ENDS]
    assert BpfProgram(program).matches(data) == reference(program, data)


@pytest.mark.parametrize(("program", "complaint"), [
    ([], "1 to 32768"), ([(0xFF, 0, 0, 0)], "no BPF instruction 0xff"), ([(0x00, 0, 0, 1)], "leads out"),
    ([(0x15, 1, 0, 0), (6, 0, 0, 0)], "leads out"), ([(5, 0, 0, 2**32 - 1), (6, 0, 0, 0)], "leads out"),
    ([(0x02, 0, 0, 16), (6, 0, 0, 0)], "16 words"), ([(0x34, 0, 0, 0), (6, 0, 0, 0)], "divides by zero"),
])
def test_programs_that_could_leave_are_refused(program, complaint):
    with pytest.raises(ValueError, match=complaint):
        BpfProgram(program)
