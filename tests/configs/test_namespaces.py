"""Real packets: `netos run` as a process of its own between two namespaces, whose hosts are the machine's kernel."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces and taps"),
    pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun"),
    pytest.mark.skipif(bool(os.geteuid() == 0 and namespaces_refused()), reason="network namespaces are refused here"),
]


class Network:
    """Client and server namespaces, and a third one in which `netos run` makes its taps, which then move out."""

    def __init__(self, stack):
        self.middle, self.client, self.server = (stack.enter_context(NetworkNamespace()) for _ in range(3))
        for namespace in (self.client, self.server):
            namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)

    def start(self, config, *definitions):
        command = self.middle.command(sys.executable, "-m", "netos", "run", str(config), *definitions)
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        assert "elements on" in line, line + self.process.stdout.read()
        return self.process

    def attach(self, namespace, device, address, gateway=None):
        self.middle.ip(f"link set {device} netns {namespace.holder.pid}")
        namespace.ip(f"addr add {address} dev {device}")
        namespace.ip(f"link set {device} up")
        if gateway:
            namespace.ip(f"route add default via {gateway}")

    def probe(self, namespace, *arguments):
        done = namespace.run(sys.executable, "-m", "netos.testing.probe", *arguments, cwd=ROOT, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr}


@contextmanager
def made_network():
    """The namespaces, and the end of what runs between them."""
    with ExitStack() as stack:
        made = Network(stack)
        yield made
        if made.process.poll() is None:
            made.process.kill()
        made.process.stdout.close()
        made.process.wait()


@pytest.fixture
def network():
    with made_network() as made:
        yield made


@pytest.fixture
def routed(network):
    network.start("configs/router.click")
    network.attach(network.client, "tap0", "10.0.1.2/24", "10.0.1.1")
    network.attach(network.server, "tap1", "10.0.2.2/24", "10.0.2.1")
    return network


def test_ping_and_traceroute_through_the_router(routed):
    assert routed.probe(routed.client, "ping", "10.0.2.2", "5", "56")["answered"] == 5
    assert routed.probe(routed.client, "traceroute", "10.0.2.2")["hops"] == ["10.0.1.1", "10.0.2.2"]
    assert routed.probe(routed.server, "traceroute", "10.0.1.2")["hops"] == ["10.0.2.1", "10.0.1.2"]


def test_a_datagram_larger_than_the_mtu(routed):
    assert routed.probe(routed.client, "ping", "10.0.2.2", "3", "8000")["answered"] == 3


def test_path_mtu_discovery_learns_a_smaller_link(network):
    network.start("configs/router.click", "MTU=1000")
    network.attach(network.client, "tap0", "10.0.1.2/24", "10.0.1.1")
    network.attach(network.server, "tap1", "10.0.2.2/24", "10.0.2.1")
    transferred(network)
    assert "mtu 1000" in network.client.ip("route get 10.0.2.2")


def transferred(network):
    command = network.server.command(sys.executable, "-m", "netos.testing.probe", "receive", "5001")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as receiver:
        receiver.stdout.readline()
        sent = network.probe(network.client, "send", "10.0.2.2", "5001", "0.5")
        got = json.loads(receiver.stdout.readline())
    assert got["equal"]
    assert got["bytes"] == sent["bytes"] > 0
    return got


def test_a_tcp_transfer_arrives_byte_for_byte(routed):
    transferred(routed)


def test_nobody_else_forwarded_it(routed):
    """With netos stopped nothing gets through, with netos going on it does: it was netos that forwarded."""
    routed.process.send_signal(signal.SIGSTOP)
    try:
        assert routed.probe(routed.client, "ping", "10.0.2.2", "2", "56")["answered"] == 0
    finally:
        routed.process.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    assert routed.probe(routed.client, "ping", "10.0.2.2", "2", "56")["answered"] == 2


def test_a_signal_ends_it_with_a_summary_and_no_interface_left(routed):
    routed.probe(routed.client, "ping", "10.0.2.2", "1", "56")
    routed.process.send_signal(signal.SIGINT)
    output, _ = routed.process.communicate(timeout=10)
    assert routed.process.returncode == 0
    assert "received" in output
    assert "Traceback" not in output
    assert "tap0" not in routed.client.ip("link")


def test_a_device_that_vanishes_is_reported_and_the_rest_goes_on(routed):
    """Its end is deleted under netos: the other side still answers, the process lives."""
    assert routed.probe(routed.client, "ping", "10.0.2.2", "1", "56")["answered"] == 1
    routed.server.ip("link delete tap1")
    assert routed.probe(routed.client, "ping", "10.0.1.1", "3", "56")["answered"] == 3
    assert routed.process.poll() is None


def test_the_bridge_between_two_hosts_of_one_network(network):
    network.start("configs/bridge.click")
    network.attach(network.client, "tap0", "10.0.1.2/24")
    network.attach(network.server, "tap1", "10.0.1.3/24")
    assert network.probe(network.client, "ping", "10.0.1.3", "5", "56")["answered"] == 5
    assert network.probe(network.client, "traceroute", "10.0.1.3")["hops"] == ["10.0.1.3"]


def test_the_ping_responder_answers_the_kernel(network):
    network.start("configs/ping-responder.click")
    network.attach(network.client, "tap0", "10.0.1.2/24")
    assert network.probe(network.client, "ping", "10.0.1.1", "5", "1000")["answered"] == 5


def test_the_lab_passes_its_own_tests_and_leaves_nothing():
    before = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run([sys.executable, "-m", "netos", "lab", "configs/router.click", "--seconds", "0.3"], cwd=ROOT,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every byte equal" in done.stdout
    assert subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout == before


def test_the_lab_ends_cleanly_on_ctrl_c():
    before = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    process = subprocess.Popen([sys.executable, "-m", "netos", "lab", "configs/router.click"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "ping" in line and "answered" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors, errors
    assert process.returncode == 130
    assert subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout == before


def group_members(group):
    """The processes of a process group that have not ended."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, their_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(their_group) == group and state != "Z":
                found.append(file.parent.name)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_lab_ends_in_silence_in_the_middle_of_a_transfer(number):
    """As at a terminal, the signal goes to the lab and to its probes alike; nothing of either may be left."""
    command = [sys.executable, "-m", "netos", "lab", "configs/router.click", "--seconds", "30"]
    lab = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           start_new_session=True)
    output = ""
    for line in lab.stdout:
        output += line
        if "traceroute" in line:        # the transfer is next
            break
    os.killpg(lab.pid, number)
    output += lab.communicate(timeout=20)[0]
    assert lab.returncode == (130 if number == signal.SIGINT else 143)
    assert output.splitlines()[-1] == line.rstrip("\n")
    assert group_members(lab.pid) == []
