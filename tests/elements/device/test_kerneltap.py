"""KernelTap is an interface of the kernel: configured as asked, its packets out of output 0, refused ones out of 1."""

import os
import socket

import pytest

from netos.drivers.memory import ends
from netos.errors import ConfigError
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.namespace import NetworkNamespace, has_capability

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not has_capability(21) or not os.path.exists("/dev/net/tun"),
                       reason="needs root and /dev/net/tun: tap devices and network namespaces"),
]
ETHER = b"\x00\x01\x02\x03\x04\x05\x02\0\0\0\0\x09\x88\xb5"


@pytest.fixture
def kernel():
    """A namespace and what makes a router in it."""
    with NetworkNamespace() as space:
        space.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        routers = []

        def make(text):
            cpu = VirtualCpu()
            router = Router.from_text(text.replace("NAMESPACE", f"NETNS {space.path}"), cpu=cpu, widen=256).initialize()
            routers.append(router)
            return router

        yield space, make
        for router in routers:
            router.close()
            assert router.cpu.balance["held"] == 0
        assert "tap" not in space.ip("link")


def run_until(router, done):
    for _ in range(2000):
        if done():
            return
        if not router.cpu.run():
            router.cpu.wait(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("queue", ["", "Queue ->"])
class TestOnAKernel:
    pytestmark = needs_root

    def test_the_interface_is_as_asked(self, kernel, queue):
        space, make = kernel
        router = make(f"FromDevice(mem:nt-in) -> {queue} t :: KernelTap(10.8.0.1/24, 10.8.0.2, NAMESPACE) -> Discard")
        name = router.read("t.dev_name")
        assert name.startswith("tap")
        shown = space.ip(f"addr show {name}")
        for part in ("inet 10.8.0.1/24", "00:01:02:03:04:05", "mtu 2048", ",UP"):
            assert part in shown
        assert f"default via 10.8.0.2 dev {name}" in space.ip("route")

    def test_packets_go_both_ways_and_bad_ones_out_of_output_one(self, kernel, queue):
        space, make = kernel
        router = make(f"FromDevice(mem:nt-in) -> {queue} t :: KernelTap(10.8.0.1/24, DEVNAME nt-k, NAMESPACE);"
                      "t -> out :: Queue -> Idle")
        raw = space.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        with raw:
            raw.bind(("nt-k", 3))
            raw.settimeout(5)
            raw.send(ETHER + b"from the kernel" * 4)
            run_until(router, lambda: router.read("t.packets") == "1")
            packet, = router["out"].pull(0, 9)
            assert bytes(packet) == ETHER + b"from the kernel" * 4
            packet.kill()
            assert ends["nt-in.peer"].send(ETHER + b"to the kernel" * 4)
            assert ends["nt-in.peer"].send(b"short")
            run_until(router, lambda: int(router.read("t.count")) + int(router.read("t.drops")) == 2)
            while (frame := raw.recv(2000)) == ETHER + b"from the kernel" * 4:
                pass
            assert frame == ETHER + b"to the kernel" * 4
            assert router["t"].drop_counts == {"bad-packet": 1}


def test_two_taps_without_a_name_are_two():
    from netos.drivers.devices import claims_of

    cpu = VirtualCpu()
    router = Router.from_text("KernelTap(10.8.0.1/24) -> Discard; KernelTap(10.9.0.1/24) -> Discard", cpu=cpu)
    assert len(claims_of(cpu)) == 2
    router.close()
    assert claims_of(cpu) == {}


def test_a_tunnel_without_ethernet_is_refused():
    with pytest.raises(ConfigError, match="only Ethernet interfaces"):
        Router.from_text("KernelTap(10.8.0.1/24, TAP false) -> Discard")
