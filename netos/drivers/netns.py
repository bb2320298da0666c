"""Network namespaces: do something in another one (namespaces(7), setns(2)), without leaving this thread's own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from netos.errors import DeviceError

T = TypeVar("T")

CLONE_NEWNET = 0x4000_0000
NAMED = Path("/run/netns")      # where `ip netns add` puts its names


def open_namespace(namespace: int | str) -> int:
    """A new descriptor of a namespace given as a descriptor, a path, or a name `ip netns` knows."""
    if isinstance(namespace, int):
        return os.dup(namespace)
    path = namespace if "/" in namespace else str(NAMED / namespace)
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DeviceError(f"cannot open the network namespace {namespace!r}: {error.strerror}",
                          f"`ip netns add {namespace}` makes one" if "/" not in namespace else "") from None


def call_in_namespace(namespace: int | str | None, function: Callable[[], T]) -> T:
    """What `function` returns when a helper thread calls it in that namespace; None is where we are.

    Descriptors it opens belong to the process and stay usable everywhere; an exception comes back to the caller.
    """
    if namespace is None:
        return function()
    target = open_namespace(namespace)
    results: list[T] = []
    failures: list[BaseException] = []

    def visit() -> None:
        try:
            enter_namespace(target)
            results.append(function())
        except BaseException as error:
            failures.append(error)

    try:
        thread = threading.Thread(target=visit, name="netos-namespace")
        thread.start()
        thread.join()
    finally:
        os.close(target)
    if failures:
        raise failures[0]
    return results[0]


def enter_namespace(descriptor: int) -> None:
    """Move the calling thread into a network namespace."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise DeviceError(f"cannot enter the network namespace: {os.strerror(code)}",
                          "it takes CAP_SYS_ADMIN: run as root, or all of it in a user namespace (`unshare -Urn`)")
