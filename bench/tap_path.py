"""(b) TAP to TAP, frames of 64 and 1500 bytes, and (c) bulk TCP of the host's kernel through the appliance.

The frames come from a packet socket in a namespace of ours and go to a tap in another; what forwards them is netos, or a
bare C loop of read() and write() on the same devices.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import wire
from bench.measure import Row, compare
from netos.drivers.tap import Tap
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


def running(router: Router, until: threading.Event) -> None:
    """Run the router's virtual CPU until the event is set."""
    while not until.is_set():
        if not router.cpu.run():
            router.cpu.wait(0.05)


def received(namespace: NetworkNamespace, interface: str) -> int:
    """Packets the kernel has received on an interface."""
    return int(namespace.run("cat", f"/sys/class/net/{interface}/statistics/rx_packets").stdout)


def tap_row(size: int, seconds: float, rounds: int) -> Row:
    """Forwarding of one frame size."""
    with two_taps(offload=False) as (client, server, first, second):
        frame = (bytes.fromhex("020000000002" "020000000001" "88b5") + bytes(size - 14)).hex()

        def rate(forward: Callable[[], None]) -> float:
            sender = client.popen(sys.executable, "-m", "bench.blaster", "nt-in", frame, str(seconds + 1.0), cwd=ROOT,
                                  stdout=subprocess.DEVNULL)
            try:
                time.sleep(0.5)
                before, start = second.host_packets(), time.perf_counter()
                forward()
                return (second.host_packets() - before) / (time.perf_counter() - start) / 1e6
            finally:
                sender.kill()
                sender.wait()

        router = Router.from_text(BRIDGE, widen=256)
        router.cpu.devices.update({"nt-in": first, "nt-out": second})
        router.initialize()
        router.cpu.budget = int(seconds * 1e9)
        return compare(f"b  TAP to TAP, {size} B", lambda: rate(router.cpu.run),
                       lambda: rate(lambda: wire.forward(first.fileno(), second.fileno(), seconds)),
                       peer="read() -> write() in C", rounds=rounds, wanted=">= 0.9")
