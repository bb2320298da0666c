"""A system call filter for a running appliance (seccomp(2)): an allow-list, assembled as classic BPF.

What is not allowed fails with EPERM, and the packets go on; a call of another architecture's ABI ends the process.
The kernel answers for calls that are always allowed without running the filter (since Linux 5.11): it costs packets
next to nothing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from netos.control.privileges import PR_SET_NO_NEW_PRIVS, control
from netos.control.syscalls import ALLOWED_TABLE, EXAMINED_TABLE, LAST_KNOWN, read_table
from netos.errors import NetosError

MACHINES = {"x86_64": (1, 0xC000003E), "aarch64": (2, 0xC00000B7)}      # column of the tables; audit.h's name for it

LOAD, AND, RETURN = 0x20, 0x54, 0x06                # ld [k]; and #k; ret #k (linux/bpf_common.h)
EQUAL, GREATER, AT_LEAST = 0x15, 0x25, 0x35         # jeq, jgt, jge #k, true, false
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16          # struct seccomp_data; arguments are eight bytes, low half first
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000

SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 2, 22, 2

IO_URING_SETUP = 425                                # on every architecture
CLONE_THREAD, CLONE_NAMESPACES = 0x00010000, 0x7E020000
PROT_WRITE, PROT_EXEC = 2, 4
FAMILIES = (1, 2, 10)                               # AF_UNIX, AF_INET, AF_INET6
PRCTL_OPTIONS = (3, 15, 16, 23, 0x53564D41)         # GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ, SET_VMA
# Terminals as far as isatty() and their size go, and what every descriptor knows.
IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
IOCTL_TUN, IOCTL_INTERFACES = (0x54C8, 0x54E3), (0x8900, 0x89FF)        # if_tun.h, sockios.h: sixteen bits of them


class Instruction(NamedTuple):
    """One instruction: code, how many to skip when true and when false, operand."""

    code: int
    true: int
    false: int
    operand: int


Program = list[Instruction]


def load(offset: int) -> Instruction:
    """Load a word of struct seccomp_data."""
    return Instruction(LOAD, 0, 0, offset)


def give(value: int) -> Instruction:
    """End with a verdict."""
    return Instruction(RETURN, 0, 0, value)


def when(code: int, operand: int, then: Program) -> Program:
    """Do `then` when the comparison holds, else go on behind it."""
    return [Instruction(code, 0, len(then), operand), *then]


def between(low: int, high: int, then: Program) -> Program:
    """Do `then` for what lies between, both included."""
    return [Instruction(AT_LEAST, 0, len(then) + 1, low), Instruction(GREATER, len(then), 0, high), *then]


def argument(number: int, mask: int = 0xFFFFFFFF) -> Program:
    """Load the low half of an argument: the kernel looks at no more of those we compare."""
    return [load(ARGUMENTS + 8 * number), *([Instruction(AND, 0, 0, mask)] if mask != 0xFFFFFFFF else [])]


def one_of(values: Iterable[int]) -> Program:
    """Allow these values of what was loaded."""
    return [step for value in values for step in when(EQUAL, value, [give(ALLOW)])]


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers as ranges without gaps."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def examined(process: int) -> dict[str, Program]:
    """What decides about calls whose arguments matter; their numbers have been compared already."""
    refused, allowed = give(FAIL | errno.EPERM), give(ALLOW)
    executable = PROT_WRITE | PROT_EXEC
    return {
        # A thread, in our own namespaces; no process. clone3 hides its flags in memory: libraries fall back.
        "clone": [*argument(0, CLONE_THREAD | CLONE_NAMESPACES), *one_of([CLONE_THREAD]), refused],
        "clone3": [give(FAIL | errno.ENOSYS)],
        # Nothing is written and executed; extension modules may be loaded.
        "mmap": [*argument(2, executable), *when(EQUAL, executable, [refused]), allowed],
        "mprotect": [*argument(2, PROT_EXEC), *when(EQUAL, PROT_EXEC, [refused]), allowed],
        "socket": [*argument(0), *one_of(FAMILIES), give(FAIL | errno.EAFNOSUPPORT)],
        "kill": [*argument(0), *one_of([process]), refused],
        "tgkill": [*argument(0), *one_of([process]), refused],
        "prctl": [*argument(0), *one_of(PRCTL_OPTIONS), refused],
        "ioctl": [*argument(1), *one_of(IOCTL_REQUESTS), *argument(1, 0xFFFF), *between(*IOCTL_TUN, [allowed]),
                  *between(*IOCTL_INTERFACES, [allowed]), refused],
        "seccomp": [refused],
    }


def assemble(machine: str, process: int) -> Program:
    """The filter for a machine (as uname(2) calls it) and a process, which may send signals to itself only."""
    column, audit = MACHINES[machine]
    numbers = read_table(EXAMINED_TABLE, column)
    program = [load(ARCHITECTURE), Instruction(EQUAL, 1, 0, audit), give(KILL), load(NUMBER)]
    for low, high in runs(read_table(ALLOWED_TABLE, column).values()):
        program += when(EQUAL, low, [give(ALLOW)]) if low == high else between(low, high, [give(ALLOW)])
    for name, decision in examined(process).items():
        program += when(EQUAL, numbers[name], decision)
    return [*program, *when(GREATER, LAST_KNOWN, [give(FAIL | errno.ENOSYS)]), give(FAIL | errno.EPERM)]


def pack(program: Sequence[Instruction]) -> bytes:
    """The instructions as the kernel reads them (struct sock_filter)."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def refuse_rings() -> None:
    """Have io_uring not exist from now on; to be called before an event loop is made, which would use it.

    What is asked of a ring no filter sees; libuv does without one that it cannot make. Raises NetosError.
    """
    program = [load(NUMBER), *when(EQUAL, IO_URING_SETUP, [give(FAIL | errno.ENOSYS)]), give(ALLOW)]
    install(program, this_machine())


def refuse_other_calls() -> str:
    """Filter this thread and those it will start, for good; what was done. Raises NetosError."""
    machine = this_machine()
    install(assemble(machine, os.getpid()), machine)
    count = len(read_table(ALLOWED_TABLE, MACHINES[machine][0])) + len(examined(0)) - 2
    return f"system calls: {count} are allowed, others fail"


def this_machine() -> str:
    """The name of this machine's architecture, if there is a filter for it."""
    machine = os.uname().machine
    if machine not in MACHINES:
        raise NetosError(f"no system call filter: none is written for {machine}, only for {' and '.join(MACHINES)}")
    return machine


def install(program: Program, machine: str) -> None:
    """Put a filter before those there are, and forbid this process to gain privileges, without which none is taken."""
    control(PR_SET_NO_NEW_PRIVS, 1)
    code = ctypes.create_string_buffer(pack(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    library = ctypes.CDLL(None, use_errno=True)
    call = read_table(EXAMINED_TABLE, MACHINES[machine][0])["seccomp"]
    zero = ctypes.c_ulong(0)
    if library.syscall(ctypes.c_long(call), ctypes.c_ulong(SECCOMP_SET_MODE_FILTER),
                       ctypes.c_ulong(SECCOMP_FILTER_FLAG_LOG), header) \
            and library.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), header, zero, zero):
        raise NetosError(f"no system call filter: {os.strerror(ctypes.get_errno())}; the kernel must have "
                         "CONFIG_SECCOMP_FILTER, and the unit's SystemCallFilter must allow seccomp")
