"""(c) Bulk TCP of the host's kernel through configs/router.click on taps with offloads.

Held against a bare C loop that copies frames between two taps with virtio headers, and against Linux forwarding over
veth.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Interface
from pathlib import Path

from bench import wire
from bench.measure import Row, compare
from netos.drivers.devices import give_device
from netos.drivers.tap import Tap
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "router.click"
PORT = "5201"
SLICE = 0.05                    # seconds that the forwarder runs between two looks at the transfer


def transfer(client: NetworkNamespace, server: NetworkNamespace, address: str, seconds: float,
             forward: Callable[[float], object]) -> float:
    """Gigabits a second of one transfer, while `forward` is called again and again with the seconds it may take."""
    receiver = server.popen(sys.executable, "-m", "bench.bulk", "receive", PORT, cwd=ROOT, stdout=subprocess.PIPE)
    assert receiver.stdout is not None
    receiver.stdout.readline()
    sender = client.popen(sys.executable, "-m", "bench.bulk", "send", address, PORT, str(seconds), cwd=ROOT)
    while receiver.poll() is None:
        forward(SLICE)
        if sender.poll() not in (None, 0):
            receiver.kill()
            break
    line = receiver.stdout.read()
    sender.wait()
    if not line:
        raise RuntimeError("the TCP transfer failed")
    return float(line) / 1e9


def hosts(stack: ExitStack) -> tuple[NetworkNamespace, NetworkNamespace]:
    """Two namespaces that use the same congestion control."""
    made = [stack.enter_context(NetworkNamespace()) for _ in range(2)]
    for namespace in made:
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    return made[0], made[1]


def netos_router(stack: ExitStack, seconds: float) -> Callable[[], float]:
    """Through netos's IPv4 router."""
    client, server = hosts(stack)
    cpu = VirtualCpu()
    for name, namespace, address in (("tap0", client, "10.0.1.2/24"), ("tap1", server, "10.0.2.2/24")):
        tap = Tap(name, prefix=IPv4Interface(address), up=True, offload=True, namespace=namespace.fd)
        tap.open()
        stack.callback(tap.close)
        give_device(cpu, tap)
    client.ip("route add default via 10.0.1.1")
    server.ip("route add default via 10.0.2.1")
    router = Router.from_text(CONFIG.read_text(), str(CONFIG.name), cpu=cpu, widen=256).initialize()
    stack.callback(router.close)

    def forward(limit: float) -> None:
        cpu.budget = int(limit * 1e9)
        if not cpu.run():
            cpu.wait(limit)

    return lambda: transfer(client, server, "10.0.2.2", seconds, forward)


def bare_loop(stack: ExitStack, seconds: float) -> Callable[[], float]:
    """Through read() and write() between two taps with virtio headers, both hosts on one link."""
    client, server = hosts(stack)
    taps = []
    for name, namespace, address in (("tap0", client, "10.0.1.2/24"), ("tap1", server, "10.0.1.3/24")):
        tap = Tap(name, prefix=IPv4Interface(address), up=True, offload=True, namespace=namespace.fd)
        tap.open()
        stack.callback(tap.close)
        taps.append(tap)
    return lambda: transfer(client, server, "10.0.1.3", seconds,
                            lambda limit: wire.forward(taps[0].fileno(), taps[1].fileno(), limit))


def kernel_router(stack: ExitStack, seconds: float) -> Callable[[], float]:
    """Through Linux itself, forwarding between two veth pairs."""
    client, server = hosts(stack)
    middle = stack.enter_context(NetworkNamespace())
    middle.sysctl("net.ipv4.ip_forward", 1)
    for number, host in ((1, client), (2, server)):
        assert host.holder is not None
        middle.ip(f"link add veth{number} type veth peer name eth0 netns {host.holder.pid}")
        middle.ip(f"addr add 10.0.{number}.1/24 dev veth{number}")
        middle.ip(f"link set veth{number} up")
        host.ip(f"addr add 10.0.{number}.2/24 dev eth0")
        host.ip("link set eth0 up")
        host.ip(f"route add default via 10.0.{number}.1")

    return lambda: transfer(client, server, "10.0.2.2", seconds, time.sleep)


def rows(quick: bool = False) -> list[Row]:
    """The two rows; none, and why, where namespaces cannot be had."""
    refused = namespaces_refused()
    if refused:
        print(f"  skipped: {refused}", file=sys.stderr)
        return []
    seconds, rounds = (0.7, 3) if quick else (2.0, 5)
    with ExitStack() as stack:
        ours = netos_router(stack, seconds)
        return [
            compare("c  bulk TCP through the router", ours, bare_loop(stack, seconds), unit="Gb/s", rounds=rounds,
                    peer="C loop, virtio headers", wanted=">= 0.9"),
            compare("c  bulk TCP through the router", ours, kernel_router(stack, seconds), unit="Gb/s", rounds=rounds,
                    peer="Linux forwarding, veth", wanted=""),
        ]
