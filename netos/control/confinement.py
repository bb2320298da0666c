"""What a running appliance may no longer do once it is open: another user, few capabilities, a sandbox.

Root's work is done when the devices and the sockets are open. Then what netos made is given to the user, privileges
are dropped, Landlock leaves only the files an appliance needs, and a filter the system calls it makes. All of this
belongs to a thread and is inherited by those it starts: it comes before the first one.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable
from typing import NamedTuple

from netos.control import landlock
from netos.control.landlock import CHANGE, DEVICE, READ, REMOVE
from netos.control.logs import event
from netos.control.privileges import CAP_NET_ADMIN, capability_sets, drop_privileges, find_account
from netos.control.seccomp import refuse_other_calls
from netos.drivers import tundevice
from netos.errors import NetosError

SANDBOXES = ("auto", "on", "off")
SPARE_DEVICES = 16          # TAP interfaces that later reloads can make where only root opens the tun device
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
SYSTEM_FILES = ("/etc/services", "/etc/protocols", "/etc/localtime", "/etc/ld.so.cache", "/etc/nsswitch.conf",
                "/etc/passwd", "/etc/group", "/sys/devices/system/cpu", "/usr/share/zoneinfo")
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


class Confinement(NamedTuple):
    """What the command line said about it, and the places the process goes on to use."""

    user: str | None = None             # USER[:GROUP] to become
    net_admin: bool = True              # keep CAP_NET_ADMIN: later reloads make and configure interfaces
    sandbox: str = "off"                # auto: what this kernel can; on: all of it, or do not start
    configuration: str = ""             # the file that a SIGHUP reads; rule files are beside it
    readable: tuple[str, ...] = ()      # further places
    writable: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()       # paths of sockets, and of other files that are removed at the end
    belongings: tuple[str, ...] = ()    # what netos made, for that user to keep: files, and folders with their files

    @property
    def wanted(self) -> bool:
        """Whether anything is to be done."""
        return self.user is not None or self.sandbox != "off"


def confine(plan: Confinement) -> None:
    """Do it, for good, and log what was done and what could not be; after a NetosError the process must end."""
    if not plan.wanted:
        return
    if plan.user is not None:
        account = find_account(plan.user)
        for path in plan.belongings:
            give(path, account.user, account.group)
    paths = allowed_paths(plan)         # while everything can be looked at
    keep = [CAP_NET_ADMIN] if plan.net_admin and capability_sets()[1] >> CAP_NET_ADMIN & 1 else []
    tundevice.keep_spares(SPARE_DEVICES if keep else 0)
    done = drop_privileges(plan.user, keep)
    event("privileges", f"privileges are dropped: {'; '.join(done)}", user=plan.user, done=done)
    spares = tundevice.drop_needless_spares()
    if spares:
        event("privileges", f"this user may not open {tundevice.PATH}: {spares} descriptors are kept, for as many TAP "
              f"interfaces that a reload may make; `chmod 666 {tundevice.PATH}` lifts that limit", spares=spares)
    for path, loss in ((plan.configuration, "SIGHUP will not reload it"),
                       (os.__file__, "what of Python is not in memory yet is out of reach, and reloads may fail: "
                                     "install netos where this user can read it")):
        if path and not os.access(path, os.R_OK):
            event("privileges", f"{path} cannot be read any more by this user: {loss}", logging.WARNING, file=path)
    if plan.sandbox != "off":
        close_sandbox(plan, paths)


def close_sandbox(plan: Confinement, paths: dict[str, int]) -> None:
    """Landlock, then the filter, which forbids Landlock's own calls."""
    try:
        abi = landlock.restrict(paths, os.environ.get("NOTIFY_SOCKET", "").startswith("@"))
        written = sorted({path for path, rights in paths.items() if rights & landlock.MAKE_REG})
        event("sandbox", f"Landlock (ABI {abi}): files beneath {listed(configuration_places(plan) + plan.readable)} "
              f"can be read, beneath {listed(written)} written; nothing else but Python, libraries and devices",
              mechanism="landlock", applied=True, abi=abi, written=written)
    except NetosError as error:
        cannot(plan, "landlock", error)
    try:
        event("sandbox", refuse_other_calls(), mechanism="seccomp", applied=True)
    except NetosError as error:
        cannot(plan, "seccomp", error)


def cannot(plan: Confinement, mechanism: str, error: NetosError) -> None:
    """A part of the sandbox cannot be had: said, or with `on`, the end."""
    if plan.sandbox == "on":
        raise NetosError(f"{error}; --sandbox auto runs without it")
    event("sandbox", str(error), logging.WARNING, mechanism=mechanism, applied=False)


def allowed_paths(plan: Confinement) -> dict[str, int]:
    """Every place with the rights over it (those of landlock)."""
    found: dict[str, int] = {}
    for paths, rights in ((python_places(), READ), (LIBRARIES + SYSTEM_FILES, READ), (DEVICES, DEVICE),
                          ((tundevice.PATH,), DEVICE), ((f"/proc/{os.getpid()}",), READ),
                          (configuration_places(plan) + plan.readable, READ),
                          (tuple(folder_of(path) for path in plan.sockets), REMOVE), (plan.writable, CHANGE)):
        for path in paths:
            found[path] = found.get(path, 0) | rights
    return found


def configuration_places(plan: Confinement) -> tuple[str, ...]:
    """Where configurations, and the rule and address files they name, are read from."""
    libraries = tuple(folder for folder in os.environ.get("CLICKPATH", "").split(":") if folder)
    if not plan.configuration:
        return libraries
    folder = folder_of(plan.configuration)
    return ((plan.configuration if folder == "/" else folder), *libraries)


def python_places() -> tuple[str, ...]:
    """Where modules are that have not been imported yet: the standard library, installed packages, netos, elements."""
    import elements
    import netos

    standard = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    ours = (os.path.dirname(package.__file__ or "") for package in (netos, elements))
    return tuple(path for path in (*standard, *ours, os.path.join(sys.base_prefix, "lib")) if path)


def folder_of(path: str) -> str:
    """The real folder of a file."""
    return os.path.dirname(os.path.realpath(path))


def listed(paths: Iterable[str]) -> str:
    """Paths for people."""
    return ", ".join(paths) or "no place"


def give(path: str, user: int, group: int) -> None:
    """Give a file or a socket, or a folder and the plain files in it, to a user; links are left alone.

    A socket keeps its group: those who may operate the appliance.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISSOCK(status.st_mode):
            os.chown(path, user, status.st_gid if status.st_gid else group, follow_symlinks=False)
        elif stat.S_ISDIR(status.st_mode):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for name in os.listdir(folder):
                    inside = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(inside.st_mode) and inside.st_nlink == 1:
                        os.chown(name, user, group, dir_fd=folder, follow_symlinks=False)
                os.fchown(folder, user, group)
            finally:
                os.close(folder)
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.chown(path, user, group, follow_symlinks=False)
    except FileNotFoundError:
        pass
    except PermissionError as error:
        event("privileges", f"{path} cannot be given to the user: {error.strerror}", logging.WARNING, path=path)
