"""A SYN flood against a real server behind the firewall: real connections go on, new ones begin, memory stays."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import test_namespaces

pytestmark = test_namespaces.pytestmark
SERVER, PORT = "10.0.1.2", "5002"
# Bursts of 20 SYNs with sources of the network outside, nobody's but one's
FLOOD = """
import random, socket, sys, time
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
source, frames = random.Random(7), []
for _ in range(2000):
    ip = IP(src=f"10.0.2.{source.randrange(3, 250)}", dst=sys.argv[2])
    syn = TCP(sport=source.randrange(1024, 65536), dport=int(sys.argv[3]), seq=source.getrandbits(32), flags="S")
    frames.append(bytes(Ether(dst="02:00:00:00:02:01") / ip / syn))
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind(("tap1", 0))
    print("ready", flush=True)
    for burst in range(int(sys.argv[1])):
        for frame in frames[burst * 20 % 2000:][:20]:
            sender.send(frame)
        time.sleep(0.002)
"""


@pytest.fixture
def network():
    with test_namespaces.made_network() as made:
        yield made


def resident(process):
    """Kilobytes of memory of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def transfer(network, seconds):
    """Send from the outside to the server for some seconds; what the server says of it."""
    command = network.client.command(sys.executable, "-m", "netos.testing.probe", "receive", PORT)
    with subprocess.Popen(command, cwd=test_namespaces.ROOT, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        sent = network.probe(network.server, "send", SERVER, PORT, str(seconds))
        if "failed" in sent:
            process.kill()
        assert "failed" not in sent, sent
        got = json.loads(process.stdout.readline())
    assert got["equal"]
    assert got["bytes"] == sent["bytes"] > 0
    return got["bytes"]


@contextlib.contextmanager
def flooding(network, bursts):
    """A flood under way; it is over when the context ends."""
    command = network.server.command(sys.executable, "-c", FLOOD, str(bursts), SERVER, PORT)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
        flood.stdout.readline()
        try:
            yield flood
            flood.wait(30)
        finally:
            flood.kill()


def test_a_syn_flood_against_a_protected_server(network, tmp_path):
    """The transfer that runs begins before the flood and ends within it; the next one begins and ends within it."""
    pytest.importorskip("scapy.all")
    control = str(tmp_path / "control")
    process = network.start("configs/firewall.click", f"ALLOW=tcp dst port {PORT}", f"PROTECT=tcp dst port {PORT}",
                            "--control", control)
    network.attach(network.client, "tap0", f"{SERVER}/24", "10.0.1.1")
    network.attach(network.server, "tap1", "10.0.2.2/24", "10.0.2.1")
    alone = transfer(network, 0.3)
    with flooding(network, 100):        # buffers and the ARP table are used for the first time
        pass
    before = resident(process)
    with flooding(network, 1000) as flood:
        assert transfer(network, 0.7) > alone // 20
        transfer(network, 0.3)
        assert flood.poll() is None, "the flood was over too soon"
    ask = [sys.executable, "-m", "netos", "read", "--socket", control]
    answered, tracked = (subprocess.run([*ask, handler], cwd=test_namespaces.ROOT, capture_output=True, text=True,
                                        check=True).stdout for handler in ("syns.cookies", "track.stats"))
    assert int(answered) >= 20_000
    assert "syn-sent" not in tracked
    assert resident(process) - before < 1024
