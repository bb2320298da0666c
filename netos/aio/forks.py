"""Forked children: they have no packet memory and no network of the stack, and leave the parent's alone."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import weakref
from typing import TYPE_CHECKING

from netos.kernel import memory

if TYPE_CHECKING:
    from netos.aio.host import Host

MAP_NORESERVE, MAP_FIXED = 0x4000, 0x10             # mmap(2), the same on all of Linux's that netos runs on

_hosts: weakref.WeakSet[Host] = weakref.WeakSet()
_was_enabled = False
_mmap = ctypes.CDLL(None, use_errno=True).mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


def keep_from_children(host: Host) -> None:
    """Have a host be a closed one in children that are forked from now on."""
    _hosts.add(host)


def _before() -> None:
    global _was_enabled
    _was_enabled = gc.isenabled()
    gc.disable()                # no collection on the way to _in_child(): it would free what the child does not have


def _in_parent() -> None:
    if _was_enabled:
        gc.enable()


def _in_child() -> None:
    """Nothing of the stack moves any more, and what is freed, closed or written on the way out finds memory there."""
    for host in list(_hosts):
        host.abandon()
    if memory.arena_fd >= 0:
        _mmap(memory.arena()["base"], os.fstat(memory.arena_fd).st_size, mmap.PROT_READ | mmap.PROT_WRITE,
              mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
    gc.freeze()
    _in_parent()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
