"""(k) Bulk TCP between the kernel and netos's own stack, over a tap.

The kernel sends to a netos sink, with offloads held against Linux to Linux over veth, without them against lwIP behind
the same kind of tap (bench/peers/lwip_sink.c); and netos sends to the kernel.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Row, compare
from bench.stack_links import KERNEL, OTHER, ROOT, TAP, on_tap, refused, started, stop, veth
from netos.testing.namespace import NetworkNamespace

PORT = "5201"
PEER = ROOT / "bench" / "peers" / "lwip_sink.c"


def send(namespace: NetworkNamespace, receiver: subprocess.Popen[str], seconds: float) -> float:
    """Gigabits a second that a receiver gets from the kernel's TCP."""
    namespace.run(sys.executable, "-m", "bench.bulk", "send", OTHER, PORT, str(seconds), cwd=ROOT)
    return rate(receiver)


def rate(receiver: subprocess.Popen[str]) -> float:
    """What a receiver prints at its end, in gigabits a second."""
    assert receiver.stdout is not None
    return float(receiver.stdout.readline()) / 1e9


def kernel_to_netos(seconds: float, offload: bool) -> float:
    """From the kernel to a netos sink."""
    with on_tap("sink", PORT, offload=offload) as (near, sink):
        return send(near, sink, seconds)


def netos_to_kernel(seconds: float) -> float:
    """From netos to the kernel's TCP."""
    # The sender tries until the address it sends to is there: SYNs are repeated.
    with on_tap("source", KERNEL, PORT, str(seconds)) as (near, _source):
        receiver = started(near, sys.executable, "-m", "bench.bulk", "receive", PORT)
        return rate(receiver)


def kernel_to_kernel(seconds: float) -> float:
    """From Linux to Linux over veth."""
    with veth() as (near, far):
        receiver = started(far, sys.executable, "-m", "bench.bulk", "receive", PORT)
        try:
            return send(near, receiver, seconds)
        finally:
            stop(receiver)


def kernel_to_lwip(sink: Path, seconds: float) -> float:
    """From the kernel to lwIP."""
    with on_tap(str(sink), TAP, OTHER, KERNEL, PORT) as (near, receiver):
        return send(near, receiver, seconds)


def build_peer(folder: str) -> Path | None:
    """The lwIP sink, compiled; None, and why, where lwIP is not there."""
    made = Path(folder) / "lwip_sink"
    if not Path("/usr/include/lwip/lwip/tcpip.h").exists() or not shutil.which("gcc"):
        print("  skipped: lwIP is not there (apt-get install gcc liblwip-dev)", file=sys.stderr)
        return None
    subprocess.run(["gcc", "-O2", "-I/usr/include/lwip", str(PEER), "-o", str(made), "-llwip"], check=True)
    return made


def rows(quick: bool = False) -> list[Row]:
    """The rows; none, and why, where taps and namespaces cannot be had."""
    if why := refused():
        print(f"  skipped: {why}", file=sys.stderr)
        return []
    seconds, rounds = (0.7, 3) if quick else (2.0, 7)
    found = [compare("k  kernel to netos, offloads", lambda: kernel_to_netos(seconds, True),
                     lambda: kernel_to_kernel(seconds), peer="Linux to Linux, veth", unit="Gb/s", rounds=rounds,
                     wanted=">= 0.4")]
    with tempfile.TemporaryDirectory() as folder:
        if (sink := build_peer(folder)) is not None:
            found.append(compare("k  kernel to netos, no offloads", lambda: kernel_to_netos(seconds, False),
                                 lambda: kernel_to_lwip(sink, seconds), peer="lwIP on a tap", unit="Gb/s",
                                 rounds=rounds, wanted=">= 1.0"))
    found.append(compare("k  netos to kernel, offloads", lambda: netos_to_kernel(seconds),
                         lambda: kernel_to_kernel(seconds), peer="Linux to Linux, veth", unit="Gb/s", rounds=rounds,
                         wanted=">= 0.3"))
    return found
