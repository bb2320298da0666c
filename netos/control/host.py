"""The machine as the doctor sees it: files under a root, limits, and small attempts; tests put another in its place."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import importlib
import os
import resource
import select
import struct
import subprocess

from netos.control.paths import runtime_folder
from netos.errors import NetosError

TUN = "/dev/net/tun"
STATE_FOLDER = "/var/lib/netos"
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
OFFLOAD_CHECKSUM, OFFLOAD_UDP = 0x01, 0x60      # TUN_F_CSUM; TUN_F_USO4 and TUN_F_USO6


class Host:
    """This machine and user; `root` is where its files begin, `state_folder` is where netos run is to keep things."""

    def __init__(self, root: str = "/", state_folder: str = STATE_FOLDER) -> None:
        self.root = root
        self.state_folder = state_folder

    @property
    def user(self) -> int:
        """The effective user."""
        return os.geteuid()

    def path(self, name: str) -> str:
        """Where a file is really."""
        return os.path.join(self.root, name.lstrip("/"))

    def read(self, name: str) -> str:
        """What a file says, without the space around it; "" when it cannot be read."""
        try:
            with open(self.path(name), errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""

    def read_all(self, pattern: str) -> list[str]:
        """What each file of a pattern says."""
        return [self.read(os.path.relpath(found, self.root)) for found in sorted(glob.glob(self.path(pattern)))]

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(self.path(name))

    def open_error(self, name: str) -> int:
        """The errno of opening a file for reading and writing; 0 when it can be."""
        try:
            os.close(os.open(self.path(name), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def is_public(self, name: str) -> bool:
        """Whether everybody may read and write a file."""
        return os.stat(self.path(name)).st_mode & 0o006 == 0o006

    def is_writable(self, folder: str) -> bool:
        """Whether this user can make files in a folder, or the folder itself where it is missing."""
        place = self.path(folder)
        while not os.path.lexists(place) and place != os.path.dirname(place):
            place = os.path.dirname(place)
        return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK, effective_ids=True)

    def runtime_folder(self) -> str:
        """Where control sockets of this user are."""
        return runtime_folder()

    def limit(self, number: int) -> int:
        """A soft resource limit; RLIM_INFINITY (-1) for none."""
        return resource.getrlimit(number)[0]

    def attempt(self, facility: str) -> str:
        """Try epoll, timerfd, eventfd or memfd; "" or why it cannot be had."""
        try:
            if facility == "epoll":
                select.epoll().close()
            elif facility == "eventfd":
                os.close(os.eventfd(0))
            elif facility == "memfd":
                os.close(os.memfd_create("netos-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
            elif facility == "timerfd":
                library = ctypes.CDLL(None, use_errno=True)
                descriptor = library.timerfd_create(1, 0)
                if descriptor < 0:
                    return os.strerror(ctypes.get_errno())
                os.close(descriptor)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def takes_udp_offload(self) -> bool | None:
        """Whether a TAP interface made for the question takes UDP segmentation; None when none can be made."""
        try:
            descriptor = os.open(self.path(TUN), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"doctor%d", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        except OSError:
            os.close(descriptor)
            return None
        try:
            fcntl.ioctl(descriptor, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | OFFLOAD_UDP)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def landlock(self) -> int:
        """The kernel's Landlock ABI, 0 for none."""
        from netos.control.landlock import version

        return version()

    def import_error(self, module: str) -> str:
        """Why a module cannot be imported; "" when it can."""
        try:
            importlib.import_module(module)
        except Exception as error:          # a broken extension may raise anything
            return str(error) or type(error).__name__
        return ""

    def elements(self) -> int:
        """How many element files there are; NetosError when they are not netos's."""
        from netos.registry import Registry

        found = len(Registry().files)
        if not found:
            raise NetosError("the package `elements` has no compiled element")
        return found

    def output(self, *command: str) -> str:
        """What a command prints; "" when it fails, is missing, or takes more than five seconds."""
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5,
                                  check=True)
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout.strip()
