"""(b) TAP to TAP, frames of 64 and 1500 bytes.

The frames come from a packet socket in a namespace of ours and go to a tap in another; what forwards them is netos,
or a bare C loop of read() and write() on the same devices.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import wire
from bench.measure import Row, compare
from netos.drivers.devices import give_device
from netos.drivers.tap import Tap
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
BRIDGE = "FromDevice(nt-in, PROMISC true) -> ToDevice(nt-out); FromDevice(nt-out, PROMISC true) -> ToDevice(nt-in);"


@contextmanager
def two_taps(offload: bool) -> Iterator[tuple[NetworkNamespace, NetworkNamespace, Tap, Tap]]:
    """A client and a server namespace with a tap each, nt-in and nt-out, whose other ends are ours."""
    with ExitStack() as stack:
        client, server = (stack.enter_context(NetworkNamespace()) for _ in range(2))
        taps = []
        for name, namespace in (("nt-in", client), ("nt-out", server)):
            tap = Tap(name, offload=offload, up=True, namespace=namespace.fd, queue_length=1000)
            tap.open()
            stack.callback(tap.close)
            taps.append(tap)
        yield client, server, taps[0], taps[1]


def tap_row(size: int, seconds: float, rounds: int) -> Row:
    """Forwarding of one frame size, as millions of packets a second that the second tap took."""
    with two_taps(offload=False) as (client, _server, first, second), ExitStack() as stack:
        frame = (bytes.fromhex("020000000002" "020000000001" "88b5") + bytes(size - 14)).hex()
        cpu = VirtualCpu()
        give_device(cpu, first)
        give_device(cpu, second)
        router = Router.from_text(BRIDGE, widen=256, cpu=cpu).initialize()
        stack.callback(router.close)
        cpu.budget = int(seconds * 1e9)

        def rate(forward: Callable[[], int]) -> float:
            sender = client.popen(sys.executable, "-m", "bench.blaster", "nt-in", frame, str(seconds + 2.0), cwd=ROOT,
                                  stdout=subprocess.DEVNULL)
            try:
                time.sleep(0.4)
                start = time.perf_counter()
                forwarded = forward()
                return forwarded / (time.perf_counter() - start) / 1e6
            finally:
                sender.kill()
                sender.wait()

        def ours() -> int:
            before, until = second.tx_packets, time.perf_counter() + seconds
            while time.perf_counter() < until:
                if not cpu.run():
                    cpu.wait(0.01)
            return second.tx_packets - before

        return compare(f"b  TAP to TAP, {size} B", lambda: rate(ours),
                       lambda: rate(lambda: wire.forward(first.fileno(), second.fileno(), seconds)),
                       peer="read() -> write() in C", rounds=rounds, wanted=">= 0.9")


def rows(quick: bool = False) -> list[Row]:
    """A row for each frame size; none, and why, where namespaces or taps cannot be had."""
    refused = namespaces_refused()
    if refused or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print(f"  skipped: {refused or '/dev/net/tun may not be opened (run as root)'}", file=sys.stderr)
        return []
    return [tap_row(size, 0.5 if quick else 1.5, 3 if quick else 5) for size in (64, 1500)]
