"""FromDevice and ToDevice on tap interfaces, between the kernel's own stacks of two network namespaces."""

import logging
import os
import socket
import threading

import pytest

from netos.drivers.memory import ends
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.namespace import NetworkNamespace, has_capability

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not has_capability(21) or not os.path.exists("/dev/net/tun"),
                       reason="needs root and /dev/net/tun: tap devices and network namespaces"),
]

CLIENT, SERVER = "10.77.0.1", "10.77.0.2"
WIRE = "{client} -> Queue -> ToDevice(nt-s); {server} -> Queue -> ToDevice(nt-c)"


class Between:
    """A graph between a client's namespace with the tap nt-c and a server's with the tap nt-s, on one network."""

    def __init__(self, graph=WIRE, options="", client_options=""):
        self.graph = graph
        self.client_options = client_options
        self.options = options
        self.cpu = VirtualCpu()

    def __enter__(self):
        self.spaces = [NetworkNamespace().open() for _ in range(2)]
        self.client, self.server = self.spaces
        for space in self.spaces:
            space.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        text = self.graph.format(
            client=f"FromDevice(nt-c, NETNS {self.client.path}, ADDRESS {CLIENT}/24{self.options}"
                   f"{self.client_options})",
            server=f"FromDevice(nt-s, NETNS {self.server.path}, ADDRESS {SERVER}/24{self.options})")
        self.router = Router.from_text(text, cpu=self.cpu, widen=256).initialize()
        return self

    def __exit__(self, kind, *_):
        self.router.close()
        left = [space.ip("link") for space in self.spaces]
        for space in self.spaces:
            space.close()
        assert kind or self.cpu.balance["held"] == 0
        assert kind or not any("nt-" in text for text in left)

    def run_until(self, done):
        for _ in range(50000):
            if done():
                return
            if not self.cpu.run():
                self.cpu.wait(0.05)
        raise AssertionError("it did not happen")

    def run_while(self, function):
        """Run the graph while `function` talks through it in a thread; what that returns."""
        result = []
        thread = threading.Thread(target=lambda: result.append(function()))
        thread.start()
        self.run_until(lambda: not thread.is_alive())
        thread.join()
        return result[0]

    def transfer(self, data):
        """Send bytes from the client to the server by TCP; what arrives."""
        listener = self.server.call(lambda: socket.create_server((SERVER, 5000)))
        sender = self.client.call(lambda: socket.socket())

        def send():
            sender.settimeout(10)
            with sender:
                sender.connect((SERVER, 5000))
                sender.sendall(data)

        def receive():
            listener.settimeout(10)
            with listener, listener.accept()[0] as connection:
                parts = []
                while part := connection.recv(1 << 20):
                    parts.append(part)
                return b"".join(parts)

        def both():
            thread = threading.Thread(target=send)
            thread.start()
            received = receive()
            thread.join()
            return received

        return self.run_while(both)


@pytest.mark.parametrize("graph", [WIRE, WIRE.replace("Queue -> ", "")])
def test_ping_passes(graph):
    with Between(graph) as between:
        assert between.run_while(lambda: between.client.run("ping", "-c3", "-i0.01", "-W2", SERVER)).returncode == 0


@pytest.mark.parametrize("graph", [WIRE, WIRE.replace("Queue -> ", "")])
@pytest.mark.parametrize("options", ["", ", OFFLOAD true", ", MTU 9000"])
def test_a_tcp_transfer_arrives_byte_by_byte(graph, options):
    data = os.urandom(1 << 20) * 3
    with Between(graph, options) as between:
        assert between.transfer(data) == data
        if "OFFLOAD" in options:
            device = between.router.order[0].device
            assert device.rx_bytes / device.rx_packets > 5000, "no segmentation packets crossed"
            assert between.router.shims == []


@pytest.mark.parametrize("graph", [WIRE, WIRE.replace("Queue -> ", "")])
def test_segments_are_cut_for_a_tap_that_cannot_take_them(graph):
    """One tap with offloads, one without: the kernel at the other end checks every checksum we made."""
    data = os.urandom(1 << 20)
    with Between(graph, client_options=", OFFLOAD true") as between:
        assert between.transfer(data) == data
        assert between.router.shims[0].segmented > 10


def test_a_deleted_interface_is_made_again_and_the_rest_goes_on(caplog):
    graph = WIRE + "; FromDevice(mem:nt-mem) -> d :: Discard"
    with caplog.at_level(logging.WARNING, "netos.device"), Between(graph) as between:
        assert between.run_while(lambda: between.client.run("ping", "-c1", "-W2", SERVER)).returncode == 0
        between.client.ip("link del nt-c")
        between.run_until(lambda: caplog.records)
        assert caplog.records[0].message.startswith("nt-c: the device is gone (")
        ends["nt-mem.peer"].send(b"x" * 60)
        between.run_until(lambda: between.router["d"].count == 1)
        between.run_until(lambda: len(caplog.records) == 2)
        assert caplog.records[1].message == "nt-c: the device is back"
        assert between.run_while(lambda: between.client.run("ping", "-c1", "-W2", SERVER)).returncode == 0


def test_an_interface_taken_down_drops_and_comes_back_when_it_is_taken_up(caplog):
    with caplog.at_level(logging.WARNING, "netos.device"), Between() as between:
        between.run_while(lambda: between.client.run("ping", "-c1", "-W2", SERVER))
        between.server.ip("link set nt-s down")
        assert between.run_while(lambda: between.client.run("ping", "-c1", "-W1", SERVER, check=False)).returncode == 1
        assert [record.message for record in caplog.records] == [
            "nt-s: the device is gone (Input/output error); trying again until it is back"]
        between.server.ip("link set nt-s up")
        between.run_until(lambda: len(caplog.records) == 2)
        assert between.run_while(lambda: between.client.run("ping", "-c1", "-W2", SERVER)).returncode == 0


def test_a_todevice_alone_does_not_spin_on_frames_nobody_reads():
    with Between("{client} -> Discard; {server} -> Discard; Idle -> ToDevice(mem:nt-t)") as between:
        ends["nt-t.peer"].send(b"x" * 60)
        between.cpu.run()
        turns = between.cpu.turns
        between.cpu.run()
        assert between.cpu.turns - turns <= 2
