"""netos run -j 2 between the kernel's stacks of two hosts: flows stay with a replica, neighbours are known to both."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netos.control.client import ControlClient
from netos.testing.namespace import NetworkNamespace, has_capability

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not has_capability(21) or not os.path.exists("/dev/net/tun"),
                       reason="needs root and /dev/net/tun: tap devices and network namespaces"),
]
ROOT = Path(__file__).parents[2]
CONNECTIONS, AMOUNT = 16, 300_000


@contextlib.contextmanager
def between_hosts(config, socket_path, *options):
    """An appliance with its taps in the namespaces of two hosts; gives both, and a client of its control socket."""
    with contextlib.ExitStack() as stack:
        middle, client, server = (stack.enter_context(NetworkNamespace()) for _ in range(3))
        process = middle.popen(sys.executable, "-m", "netos", "run", str(ROOT / "configs" / config), *options,
                               "--control", socket_path, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
        assert "elements on tap0, tap1" in (said := process.stdout.readline()), said
        for host, device, network in ((client, "tap0", "10.0.1"), (server, "tap1", "10.0.2")):
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            middle.ip(f"link set {device} netns {host.holder.pid}")
            host.ip(f"addr add {network}.2/24 dev {device}")
            host.ip(f"link set {device} up")
            host.ip(f"route add default via {network}.1")
        yield client, server, stack.enter_context(ControlClient(socket_path))
        process.terminate()
        assert process.wait(20) == 0


def transfer(client, server):
    """Send from the client to the server over many connections at once, and have it all sent back."""
    listener = server.call(lambda: socket.create_server(("10.0.2.2", 5000), backlog=CONNECTIONS))

    def serve(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept():
        for _ in range(CONNECTIONS):
            threading.Thread(target=serve, args=[listener.accept()[0]]).start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    ends = [client.call(lambda: socket.create_connection(("10.0.2.2", 5000), 20)) for _ in range(CONNECTIONS)]
    results = [bytearray() for _ in ends]

    def talk(end, result):
        sender = threading.Thread(target=end.sendall, args=[bytes(range(250)) * (AMOUNT // 250)])
        sender.start()
        while len(result) < AMOUNT and (data := end.recv(65536)):
            result += data
        sender.join()
        end.close()

    talks = [threading.Thread(target=talk, args=pair) for pair in zip(ends, results)]
    for each in talks:
        each.start()
    for each in talks:
        each.join(60)
    accepting.join()
    listener.close()
    assert results == [bytearray(range(250)) * (AMOUNT // 250)] * CONNECTIONS


@pytest.mark.parametrize("options", [(), ("--threaded",)], ids=["inline", "threaded"])
def test_a_router_of_two_replicas(tmp_path, options):
    with between_hosts("router.click", str(tmp_path / "socket"), "-j", "2", *options) as (client, server, control):
        client.run("ping", "-c", "3", "-i", "0.05", "-W", "5", "10.0.2.2")
        server.run("ping", "-c", "3", "-i", "0.05", "-W", "5", "10.0.1.2")
        transfer(client, server)
        counts = [int(control.read(f"if0/from.count@{number}")) for number in range(2)]
        assert min(counts) > 0
        assert 0 <= int(control.read("if0/from.count")) - sum(counts) < 10        # the kernel talks meanwhile
        assert [control.read(f"if1/arp.count@{number}").strip() for number in range(2)] == ["1", "1"]
        counters = json.loads(control.read("counters"))
        assert counters["devices"]["tap0"]["rx"]["packets"] >= sum(counts)
        assert not any(element["drops"].get("no-neighbour") for element in counters["elements"].values())


def test_the_connections_of_a_firewall_stay_with_their_replicas(tmp_path):
    with between_hosts("firewall.click", str(tmp_path / "socket"), "-j", "2") as (client, server, control):
        transfer(client, server)
        flows = [control.read(f"track.count@{number}") for number in range(2)]
        assert sum(map(int, flows)) == CONNECTIONS
        assert all(map(int, flows))
        assert sum(map(int, flows)) == len(control.read("track.flows").splitlines())
        assert "invalid" not in json.dumps(json.loads(control.read("counters"))["elements"]["rules_inside"]["drops"])
