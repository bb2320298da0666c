"""/dev/net/tun: opened for each queue of a TAP interface; spare descriptors outlive the right to open it.

A descriptor becomes one queue and never another's, and the file may be root's alone: a process that gives up being root
keeps as many spares as it may still need.
"""

from __future__ import annotations

import errno
import os

from netos.errors import DeviceError

PATH = "/dev/net/tun"
spares: list[int] = []


def open_tun() -> int:
    """A descriptor that is no queue yet; raises DeviceError."""
    try:
        return os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        denied = error.errno in (errno.EACCES, errno.EPERM)
        if denied and spares:
            return spares.pop()
        fix = "load the driver with `modprobe tun`"
        if denied:
            fix = f"run as root, or have the administrator `chmod 666 {PATH}`"
        raise DeviceError(f"cannot open {PATH}: {error.strerror}", fix) from None


def keep_spares(count: int) -> None:
    """Have that many spare descriptors, or as many as can be had."""
    while len(spares) < count:
        try:
            spares.append(os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:
            return


def drop_needless_spares() -> int:
    """Close the spares where the device can be opened all the same; how many are left."""
    if spares and os.access(PATH, os.R_OK | os.W_OK):
        while spares:
            os.close(spares.pop())
    return len(spares)
