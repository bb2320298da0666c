"""Where the stack's benchmarks run: a namespace with the kernel's end of a tap, and two joined by veth."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
TAP, KERNEL, OTHER = "nt-tap", "10.9.0.1", "10.9.0.2"


def refused() -> str:
    """Why these benchmarks cannot run here, or ""."""
    if why := namespaces_refused():
        return why
    return "" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "/dev/net/tun may not be opened (run as root)"


def quiet(namespace: NetworkNamespace) -> NetworkNamespace:
    """No IPv6 chatter, and a congestion control that both stacks have."""
    namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    namespace.sysctl("net.ipv4.tcp_congestion_control", "reno")
    return namespace


@contextmanager
def veth() -> Iterator[tuple[NetworkNamespace, NetworkNamespace]]:
    """Two namespaces, KERNEL and OTHER, both Linux."""
    with ExitStack() as stack:
        near, far = (quiet(stack.enter_context(NetworkNamespace())) for _ in range(2))
        assert far.holder is not None
        near.ip(f"link add eth0 type veth peer name eth0 netns {far.holder.pid}")
        for host, address in ((near, KERNEL), (far, OTHER)):
            host.ip(f"addr add {address}/24 dev eth0")
            host.ip("link set eth0 up")
        yield near, far


def started(namespace: NetworkNamespace, *command: str) -> subprocess.Popen[Any]:
    """Start a program in a namespace and wait until it says that it is ready."""
    child = namespace.popen(*command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        child.wait()
        raise RuntimeError(f"`{' '.join(command)}` did not start")
    return child


def program(namespace: NetworkNamespace, on: str, *arguments: str) -> subprocess.Popen[Any]:
    """Start a program of bench.stack_program."""
    return started(namespace, sys.executable, "-m", "bench.stack_program", on, *arguments)


@contextmanager
def on_tap(*command: str, offload: bool = True, loop: str = "uvloop") -> Iterator[
        tuple[NetworkNamespace, subprocess.Popen[Any]]]:
    """A namespace whose kernel has a link, by a tap, to the program: netos, or any that opens the tap."""
    with NetworkNamespace() as near:
        quiet(near)
        if command[0].startswith("/"):
            child = started(near, *command)
        else:
            child = program(near, f"{TAP},{OTHER}/24,{int(offload)},{loop}", *command)
        near.ip(f"addr add {KERNEL}/24 dev {TAP}")
        near.ip(f"link set {TAP} up")
        try:
            yield near, child
        finally:
            stop(child)


def stop(child: subprocess.Popen[Any]) -> None:
    """End a program that we have started."""
    if child.poll() is None:
        child.kill()
    child.wait()
