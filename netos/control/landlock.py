"""Landlock: which files a process may still open (landlock(7)), by the kernel's ABI version; raw system calls."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable, Mapping

from netos.errors import NetosError

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446     # the same on every architecture
CREATE_RULESET_VERSION, RULE_PATH_BENEATH = 1, 1

(EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK,
 MAKE_FIFO, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV) = (1 << number for number in range(16))
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV      # what a rule about a single file can say
CONNECT_TCP = 2
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2

READ = READ_FILE | READ_DIR
CHANGE = READ | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | MAKE_SOCK | REMOVE_FILE | REMOVE_DIR
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV
REMOVE = REMOVE_FILE


def version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    found = system_call(CREATE_RULESET, ctypes.c_void_p(None), ctypes.c_size_t(0),
                        ctypes.c_uint(CREATE_RULESET_VERSION))
    return max(found, 0)


def rights_of(abi: int) -> int:
    """All rights over files that an ABI knows."""
    return (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1


def restrict(paths: Mapping[str, int], abstract_sockets: bool = True) -> int:
    """Let this thread, and those it will start, open nothing but what lies beneath these paths, with these rights.

    What is open stays open. Paths that do not exist are left out. `abstract_sockets`: it may still talk to abstract
    UNIX sockets of others. Returns the ABI used; raises NetosError when the kernel has no Landlock.
    """
    abi = version()
    if abi < 1:
        raise NetosError("no Landlock: this kernel has none, or has it switched off; wanted are Linux 5.13, "
                         "CONFIG_SECURITY_LANDLOCK, and landlock among the names of lsm= on its command line")
    handled = rights_of(abi)
    attributes = struct.pack("Q", handled)
    if abi >= 4:
        attributes += struct.pack("Q", CONNECT_TCP)
    if abi >= 6:
        attributes += struct.pack("Q", SCOPE_SIGNALS | (0 if abstract_sockets else SCOPE_ABSTRACT_SOCKETS))
    rules = demand("landlock_create_ruleset", system_call(CREATE_RULESET, ctypes.c_char_p(attributes),
                                                          ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)))
    try:
        for path, rights in merged(paths.items()).items():
            add_rule(rules, path, rights & handled)
        demand("landlock_restrict_self", system_call(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0)))
    finally:
        os.close(rules)
    return abi


def merged(paths: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Real paths, each with all rights that were asked for under one of its names."""
    found: dict[str, int] = {}
    for path, rights in paths:
        real = os.path.realpath(path)
        found[real] = found.get(real, 0) | rights
    return found


def add_rule(rules: int, path: str, rights: int) -> None:
    """Allow `rights` beneath a path, or over it when it is a file."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= OF_FILES
        if rights:
            attributes = struct.pack("=Qi", rights, descriptor)
            demand("landlock_add_rule", system_call(ADD_RULE, ctypes.c_int(rules), ctypes.c_int(RULE_PATH_BENEATH),
                                                    ctypes.c_char_p(attributes), ctypes.c_uint(0)))
    finally:
        os.close(descriptor)


def demand(name: str, answer: int) -> int:
    """The answer of a system call that has to succeed."""
    if answer < 0:
        raise NetosError(f"no Landlock: {name}: {os.strerror(ctypes.get_errno())}; "
                         f"is {name} missing from the SystemCallFilter of the unit?")
    return answer


def system_call(number: int, *arguments: object) -> int:
    """syscall(2)."""
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments))
