"""The system call filter, run by a small interpreter of its program: what is allowed, refused, and fatal."""

import errno
import re
import struct
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.control.seccomp import (
    ALLOW,
    AND,
    AT_LEAST,
    EQUAL,
    FAIL,
    GREATER,
    KILL,
    LOAD,
    MACHINES,
    RETURN,
    assemble,
    pack,
    runs,
)
from netos.control.syscalls import ALLOWED_TABLE, EXAMINED_TABLE, LAST_KNOWN, read_table

PROCESS = 4711
REFUSED, UNKNOWN, NO_FAMILY = (FAIL | code for code in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT))
COMPARISONS = {EQUAL: lambda a, b: a == b, GREATER: lambda a, b: a > b, AT_LEAST: lambda a, b: a >= b}


@cache
def program_of(machine):
    return assemble(machine, PROCESS)


def verdict(machine, number, *arguments, architecture=None):
    """What the filter says of a call; every jump must stay inside the program."""
    program = program_of(machine)
    audit = MACHINES[machine][1] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    place, accumulator = 0, 0
    while True:
        code, true, false, operand = program[place]
        place += 1
        if code == LOAD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == AND:
            accumulator &= operand
        elif code == RETURN:
            return operand
        else:
            place += true if COMPARISONS[code](accumulator, operand) else false


@pytest.fixture(params=sorted(MACHINES))
def call(request):
    """A function of a system call's name and arguments: the verdict on that machine."""
    column = MACHINES[request.param][0]
    numbers = {**read_table(ALLOWED_TABLE, column), **read_table(EXAMINED_TABLE, column)}
    return lambda name, *arguments: verdict(request.param, numbers[name], *arguments)


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_exactly_the_calls_of_the_table_are_always_allowed(machine):
    column = MACHINES[machine][0]
    allowed, examined = (set(read_table(table, column).values()) for table in (ALLOWED_TABLE, EXAMINED_TABLE))
    assert not allowed & examined
    for number in range(LAST_KNOWN + 1):
        if number not in examined:
            assert verdict(machine, number) == (ALLOW if number in allowed else REFUSED), number


@given(machine=st.sampled_from(sorted(MACHINES)), number=st.integers(LAST_KNOWN + 1, 2**32 - 1))
def test_calls_that_are_newer_than_the_table_do_not_exist(machine, number):
    """Libraries then use the older call; x32, whose numbers have a bit set, does not exist either."""
    assert verdict(machine, number) == UNKNOWN


@given(machine=st.sampled_from(sorted(MACHINES)), number=st.integers(0, 2**32 - 1),
       architecture=st.integers(0, 2**32 - 1))
def test_calls_of_another_architecture_end_the_process(machine, number, architecture):
    if architecture != MACHINES[machine][1]:
        assert verdict(machine, number, architecture=architecture) == KILL


def test_threads_but_no_processes_and_no_namespaces(call):
    thread = 0x3D0F00               # what pthread_create asks for
    assert call("clone", thread) == ALLOW
    assert call("clone", 0x11) == REFUSED
    assert call("clone", thread | 0x40000000) == REFUSED
    assert call("clone3", 0) == UNKNOWN


def test_no_memory_is_written_and_executed(call):
    assert call("mmap", 0, 4096, 1 | 4) == call("mmap", 0, 4096, 1 | 2) == ALLOW
    assert call("mmap", 0, 4096, 1 | 2 | 4) == REFUSED
    assert call("mprotect", 0, 4096, 1) == ALLOW
    assert call("mprotect", 0, 4096, 1 | 4) == REFUSED


@pytest.mark.parametrize(("family", "wanted"), [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, NO_FAMILY), (17, NO_FAMILY),
                                                (40, NO_FAMILY), (38, NO_FAMILY)])
def test_families_of_sockets(call, family, wanted):
    assert call("socket", family) == wanted


def test_signals_for_itself_only(call):
    assert call("kill", PROCESS, 2) == call("tgkill", PROCESS, PROCESS + 1, 2) == ALLOW
    for other in (1, 0, 2**64 - 1, PROCESS + 1):
        assert call("kill", other, 9) == REFUSED
    assert call("tgkill", 1, 1, 9) == REFUSED


@pytest.mark.parametrize(("asked", "wanted"), [
    (0x400454CA, ALLOW), (0x400454D9, ALLOW), (0x8913, ALLOW), (0x5413, ALLOW),
    (0x5412, REFUSED), (0x4B3A, REFUSED), (0x80001272, REFUSED), (0x00018913 + 0xFF00, REFUSED)])
def test_requests_to_devices(call, asked, wanted):
    """TAP interfaces can be made and configured; TIOCSTI, which types into somebody's terminal, cannot be asked for."""
    assert call("ioctl", 0, asked) == wanted


def test_prctl_names_threads_and_not_much_else(call):
    assert call("prctl", 15) == ALLOW
    assert call("prctl", 22) == call("prctl", 4) == call("prctl", 47) == REFUSED
    assert call("seccomp", 1) == REFUSED


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_the_program_is_one_the_kernel_takes(machine):
    program = assemble(machine, PROCESS)
    assert len(pack(program)) == 8 * len(program) < 8 * 4096
    assert program[-1].code == RETURN
    for place, step in enumerate(program):
        if step.code in COMPARISONS:
            assert place + 1 + max(step.true, step.false) < len(program)


@given(st.sets(st.integers(0, 60)))
def test_runs_cover_just_the_numbers(numbers):
    found = runs(numbers)
    assert {number for low, high in found for number in range(low, high + 1)} == numbers
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


def header_numbers(machine):
    """The numbers of the kernel's headers for programs, by name; none where they are not installed."""
    if machine == "x86_64":
        path = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    else:
        path = Path("/usr/include/asm-generic/unistd.h")
    text = path.read_text() if path.exists() else ""
    found = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    return found | {new: found[old] for new, old in re.findall(r"#define __NR_(\w+) __NR3264_(\w+)", text)
                    if old in found}


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_numbers_are_those_of_the_kernel_s_headers(machine):
    known = header_numbers(machine)
    if not known:
        pytest.skip("the kernel's headers are not installed")
    for table in (ALLOWED_TABLE, EXAMINED_TABLE):
        for name, number in read_table(table, MACHINES[machine][0]).items():
            assert known[name] == number, name
