"""Dropping privileges once the devices are open (capabilities(7), prctl(2)): the user, the capabilities, new ones."""

from __future__ import annotations

import contextlib
import ctypes
import grp
import os
import pwd
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from netos.errors import NetosError

CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 6, 7, 8, 12, 13, 21
NAMES = {CAP_SETGID: "CAP_SETGID", CAP_SETUID: "CAP_SETUID", CAP_SETPCAP: "CAP_SETPCAP", CAP_NET_ADMIN: "CAP_NET_ADMIN",
         CAP_NET_RAW: "CAP_NET_RAW", CAP_SYS_ADMIN: "CAP_SYS_ADMIN"}
PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 8, 23, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522


def capability_name(number: int) -> str:
    """How a capability is written."""
    return NAMES.get(number, f"capability {number}")


class Account(NamedTuple):
    """A user, and the group the process is to have."""

    name: str
    user: int
    group: int


def drop_privileges(user: str | None, keep: Sequence[int] = ()) -> list[str]:
    """Become USER[:GROUP] (None stays), with only the capabilities of `keep`, for good; says what was done.

    Capabilities and no_new_privs belong to a thread: this must be called before others are started. Programs that the
    process starts get no capability at all. Nothing has changed when NetosError is raised for a user that does not
    exist, a right that is missing, or threads; after any other error the process must end.
    """
    account = find_account(user) if user is not None else None
    _, permitted, _ = capability_sets()
    check(account, keep, permitted)
    done = []
    if permitted & 1 << CAP_SETPCAP:
        drop_bounding_set(keep)
        done.append("capabilities that programs started from here could gain: " + listed(keep))
    if account is not None and not is_now(account):
        become(account, bool(keep))
        done.append(f"user {account.name} ({account.user}:{account.group})")
    with contextlib.suppress(NetosError):       # Linux before 4.3 has no ambient set: nothing to clear
        control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    wanted = bits(keep)
    set_capabilities(wanted)
    done.append(f"capabilities: {listed(keep)}")
    control(PR_SET_NO_NEW_PRIVS, 1)
    done.append("no new privileges")
    if capability_sets() != (wanted, wanted, 0) or (account is not None and not is_now(account)):
        raise NetosError("the kernel kept privileges that were to be dropped: do not run netos with --user here")
    return done


def find_account(user: str) -> Account:
    """The account that USER or USER:GROUP means, each a name or a number."""
    name, colon, group = user.partition(":")
    try:
        found = pwd.getpwuid(int(name)) if name.isascii() and name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise NetosError(f"there is no user '{name}': make it with "
                         f"`useradd --system --no-create-home --shell /usr/sbin/nologin {name}`") from None
    if not colon:
        return Account(found.pw_name, found.pw_uid, found.pw_gid)
    try:
        number = grp.getgrgid(int(group)) if group.isascii() and group.isdigit() else grp.getgrnam(group)
    except (KeyError, OverflowError):
        raise NetosError(f"there is no group '{group}': make it with `groupadd --system {group}`") from None
    return Account(found.pw_name, found.pw_uid, number.gr_gid)


def check_user(user: str) -> None:
    """Raise NetosError when this process cannot become USER[:GROUP]; threads come later, and are not looked at."""
    account = find_account(user)
    if not is_now(account) and ~capability_sets()[1] & bits([CAP_SETUID, CAP_SETGID]):
        raise cannot_become(account)


def cannot_become(account: Account) -> NetosError:
    """It takes root to become somebody else."""
    return NetosError(f"cannot become the user {account.name}: start as root, "
                      f"or as that user from the beginning (User={account.name} in the unit)")


def check(account: Account | None, keep: Sequence[int], permitted: int) -> None:
    """Refuse before anything is changed."""
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        raise NetosError(f"privileges cannot be dropped: {threads} threads run already and would keep theirs; "
                         "drop them before threads are started")
    missing = [capability_name(number) for number in keep if not permitted & 1 << number]
    if missing:
        raise NetosError(f"{' and '.join(missing)} cannot be kept, for this process does not have it: "
                         f"start it as root, or in its unit with AmbientCapabilities={' '.join(missing)}")
    if account is not None and not is_now(account) and ~permitted & bits([CAP_SETUID, CAP_SETGID]):
        raise cannot_become(account)


def is_now(account: Account) -> bool:
    """Whether the process is that user and group already, with no way back."""
    return set(os.getresuid()) == {account.user} and set(os.getresgid()) == {account.group}


def become(account: Account, keep_capabilities: bool) -> None:
    """Change groups, group and user, in the order in which each is still allowed."""
    try:
        if keep_capabilities:
            control(PR_SET_KEEPCAPS, 1)
        os.setgroups(os.getgrouplist(account.name, account.group))
        os.setresgid(account.group, account.group, account.group)
        os.setresuid(account.user, account.user, account.user)
        if keep_capabilities:
            control(PR_SET_KEEPCAPS, 0)
    except OSError as error:
        raise NetosError(f"cannot become the user {account.name}: {error.strerror}; start as root outside of a user "
                         "namespace, or allow setuid and setgid in the unit's SystemCallFilter") from None


def drop_bounding_set(keep: Sequence[int]) -> None:
    """Leave nothing but `keep` that an executed program could ever gain."""
    library, number = c_library(), 0
    while (present := library.prctl(PR_CAPBSET_READ, ctypes.c_ulong(number))) >= 0:
        if present and number not in keep:
            control(PR_CAPBSET_DROP, number)
        number += 1


def capability_sets() -> tuple[int, int, int]:
    """The effective, permitted and inheritable capabilities of this thread, a bit each."""
    data = ctypes.create_string_buffer(24)
    call(c_library().capget, "capget", ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION_3, 0), 8), data)
    low = struct.unpack("6I", data.raw)
    return low[0] | low[3] << 32, low[1] | low[4] << 32, low[2] | low[5] << 32


def set_capabilities(wanted: int) -> None:
    """Set the effective and permitted sets, and empty the inheritable one."""
    low, high = wanted & 0xFFFFFFFF, wanted >> 32
    call(c_library().capset, "capset", ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION_3, 0), 8),
         ctypes.create_string_buffer(struct.pack("6I", low, low, 0, high, high, 0), 24))


def bits(capabilities: Sequence[int]) -> int:
    """A set of capabilities as the kernel writes it."""
    return sum({1 << number for number in capabilities})


def listed(capabilities: Sequence[int]) -> str:
    """A set of capabilities for people."""
    return ", ".join(capability_name(number) for number in capabilities) or "none"


def control(option: int, argument: int) -> None:
    """prctl(2)."""
    zero = ctypes.c_ulong(0)
    call(c_library().prctl, "prctl", option, ctypes.c_ulong(argument), zero, zero, zero)


def call(function: Callable[..., int], name: str, *arguments: object) -> None:
    """Call a function of the C library that answers -1 when it fails."""
    if function(*arguments) == -1:
        raise NetosError(f"privileges cannot be dropped: {name}: {os.strerror(ctypes.get_errno())}; "
                         f"is {name} missing from the SystemCallFilter of the unit?")


def c_library() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)
