"""Real connections through the NAT gateway and the firewall: the machine's kernel at both ends, `netos run` between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import test_namespaces

pytestmark = test_namespaces.pytestmark


@pytest.fixture
def network():
    with test_namespaces.made_network() as made:
        yield made


def send(network, receiver, listening, sender, address, port):
    """Transfer for half a second; what the receiver says of it."""
    command = receiver.command(sys.executable, "-m", "netos.testing.probe", "receive", listening)
    with subprocess.Popen(command, cwd=test_namespaces.ROOT, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        sent = network.probe(sender, "send", address, port, "0.5")
        if "failed" in sent:
            process.kill()
            return sent
        got = json.loads(process.stdout.readline())
    assert got["equal"]
    assert got["bytes"] == sent["bytes"] > 0
    return got


def test_transfers_through_the_nat_gateway_both_ways(network):
    """Masqueraded to the outside, where nobody has a route to the inside; and by a forwarded port to the inside."""
    network.start("configs/nat-gateway.click", "FORWARD=tcp 192.0.2.1:8080 10.0.1.2:5001")
    network.attach(network.client, "tap0", "10.0.1.2/24", "10.0.1.1")
    network.attach(network.server, "tap1", "192.0.2.254/24")
    send(network, network.server, "5001", network.client, "192.0.2.254", "5001")
    send(network, network.client, "5001", network.server, "192.0.2.1", "8080")
    assert network.probe(network.client, "ping", "192.0.2.254", "3", "56")["answered"] == 3
    assert network.probe(network.client, "traceroute", "192.0.2.254")["hops"] == ["10.0.1.1", "192.0.2.254"]


def test_the_firewall_between_two_kernels(network):
    network.start("configs/firewall.click", "ALLOW=tcp dst port 5002")
    network.attach(network.client, "tap0", "10.0.1.2/24", "10.0.1.1")
    network.attach(network.server, "tap1", "10.0.2.2/24", "10.0.2.1")
    send(network, network.server, "5001", network.client, "10.0.2.2", "5001")
    send(network, network.client, "5002", network.server, "10.0.1.2", "5002")
    assert network.probe(network.client, "ping", "10.0.2.2", "3", "56")["answered"] == 3
    assert network.probe(network.server, "ping", "10.0.1.2", "2", "56")["answered"] == 0
