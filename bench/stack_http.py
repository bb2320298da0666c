"""(h) HTTP from netos's own stack, over a tap, to wrk with 64 connections: an asyncio protocol, and aiohttp.

Held against the same program on uvloop over the kernel's sockets, over veth.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.measure import Row, compare
from bench.stack_links import OTHER, on_tap, program, refused, stop, veth
from netos.testing.namespace import NetworkNamespace

PORT = "8080"
CONNECTIONS = 64


def load(namespace: NetworkNamespace, seconds: int) -> float:
    """Thousands of requests a second that wrk gets answered."""
    told = namespace.run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://{OTHER}:{PORT}/").stdout
    if "Non-2xx" in told or "Socket errors" in told or (found := re.search(r"Requests/sec:\s*([\d.]+)", told)) is None:
        raise RuntimeError(f"wrk was not served: {told}")
    return float(found[1]) / 1e3


@contextmanager
def on_netos(name: str, loop: str) -> Iterator[NetworkNamespace]:
    """A namespace that reaches the program on netos's stack."""
    with on_tap(name, PORT, loop=loop) as (near, _server):
        yield near


@contextmanager
def on_kernel(name: str) -> Iterator[NetworkNamespace]:
    """One that reaches it on the kernel's."""
    with veth() as (near, far):
        server = program(far, "kernel", name, PORT)
        try:
            yield near
        finally:
            stop(server)


def row(title: str, name: str, loop: str, seconds: int, rounds: int, wanted: str) -> Row:
    """One program; both servers stay, wrk goes to them in turn."""
    with ExitStack() as stack:
        ours = stack.enter_context(on_netos(name, loop))
        theirs = stack.enter_context(on_kernel(name))
        return compare(title, lambda: load(ours, seconds), lambda: load(theirs, seconds), peer="uvloop, Linux, veth",
                       unit="k/s", rounds=rounds, wanted=wanted)


def rows(quick: bool = False) -> list[Row]:
    """The rows; none, and why, where taps, namespaces or programs are missing."""
    why = refused() or ("" if shutil.which("wrk") else "wrk is not there (apt-get install wrk)")
    if why:
        print(f"  skipped: {why}", file=sys.stderr)
        return []
    seconds, rounds = (1, 3) if quick else (2, 7)
    found = [row("h  HTTP from an asyncio.Protocol", "http", "uvloop", seconds, rounds, ">= 0.8"),
             row("h  the same on asyncio's loop", "http", "asyncio", seconds, rounds, "")]
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        print("  skipped: aiohttp is not there (pip install aiohttp)", file=sys.stderr)
        return found
    return [*found, row("h  HTTP from aiohttp", "aiohttp", "uvloop", seconds, rounds, ">= 0.9")]
