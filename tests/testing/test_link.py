"""The link loses, delays, reorders, duplicates and corrupts as often as it is told to, and the same for a seed."""

import subprocess
import sys

import pytest

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.link import START, Link, Trouble

COUNT = 2000
TRANSFER = """
import hashlib
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Link, Trouble

link = Link(Trouble(loss=0.1, duplication=0.1, corruption=0.05, reordering=0.2, jitter=0.001), seed=3, logging=True)
listener, caller = TcpListener(link.right, ("0.0.0.0", 80)), TcpEndpoint(link.left, ("10.0.0.2", 80))
link.run(lambda: listener.waiting, seconds=60)
caller.send(bytes(30000))
link.run(seconds=30)
print(link.now, len(link.log), hashlib.sha256(repr(link.log).encode()).hexdigest())
"""


def datagrams(**trouble):
    """What comes of numbered datagrams, a millisecond apart: their numbers and seconds on the way, and the link."""
    link = Link(Trouble(**trouble), seed=5)
    to, sender = UdpEndpoint(link.right, ("0.0.0.0", 7)), UdpEndpoint(link.left)
    sender.send(b"\0\0", ("10.0.0.2", 7))       # finds the neighbour, however often it takes
    came = []

    def read():
        while (got := to.receive()) is not None:
            number = int.from_bytes(got[0], "big")
            came.append((number, (link.now - begun) / 1e9 - number / 1000))

    begun = link.now
    link.run(seconds=10)
    while to.receive() is not None:
        pass
    begun = link.now
    for number in range(COUNT):
        sender.send(number.to_bytes(2, "big"), ("10.0.0.2", 7))
        link.run(seconds=0.001, each=read)
    link.run(seconds=1, each=read)
    return came, link


def test_a_good_link_does_nothing():
    came, _ = datagrams()
    assert [number for number, _ in came] == list(range(COUNT))
    assert all(delay == pytest.approx(0.0001, abs=1e-6) for _, delay in came)


@pytest.mark.parametrize("chance", [0.1, 0.5])
def test_losses(chance):
    """Five standard deviations of 2000 draws are 0.056 at most."""
    came, _ = datagrams(loss=chance)
    assert len(came) / COUNT == pytest.approx(1 - chance, abs=0.06)


def test_duplicates():
    came, _ = datagrams(duplication=0.25)
    assert len(came) / COUNT == pytest.approx(1.25, abs=0.06)
    assert {number for number, _ in came} == set(range(COUNT))


def test_corruption_is_found_by_checksums():
    came, link = datagrams(corruption=0.25)
    assert len(came) / COUNT == pytest.approx(0.75, abs=0.06)
    counters = link.right.counters
    assert counters["udp_bad"] + counters["ip_bad_header"] + counters["ip_bad_checksum"] > 0.15 * COUNT


def test_delay_jitter_and_lateness():
    came, _ = datagrams(delay=0.002, jitter=0.001, reordering=0.3, lateness=0.02)
    delays = [delay for _, delay in came]
    assert min(delays) >= 0.002 - 1e-6
    late = sum(delay > 0.003 + 1e-6 for delay in delays) / COUNT
    assert late == pytest.approx(0.3, abs=0.07)
    assert max(delays) <= 0.023 + 1e-6
    assert [number for number, _ in came] != list(range(COUNT))
    assert len(came) == COUNT


def test_a_seed_says_all_in_each_process():
    """Initial sequence numbers and ports of the system's randomness: the seed of a failure would not show it again."""
    said = {subprocess.run([sys.executable, "-c", TRANSFER], env={"PYTHONPATH": ":".join(filter(None, sys.path)),
                                                                  "PYTHONHASHSEED": str(number)},
                           capture_output=True, text=True, check=True, timeout=60).stdout for number in (1, 2)}
    assert len(said) == 1
    assert int(said.pop().split()[1]) > 50


def test_stacks_of_a_link_differ_and_seeds_do():
    """The same secrets at both ends, or whatever the seed, would hide what depends on them."""
    ports = []
    for seed in (1, 1, 2):
        link = Link(seed=seed)
        listener = TcpListener(link.right, ("0.0.0.0", 80))
        caller, back = TcpEndpoint(link.left, ("10.0.0.2", 80)), TcpEndpoint(link.right, ("10.0.0.1", 80))
        ports.append((caller.local[1], back.local[1]))
        listener.close()
    assert ports[0] == ports[1] != ports[2]
    assert ports[0][0] != ports[0][1]


def test_what_flies_when_the_link_is_closed_comes_home():
    link = Link(Trouble(delay=10))
    UdpEndpoint(link.left).send(b"x", ("10.0.0.2", 7))
    link.run(seconds=1)
    held = link.cpu.balance["held"]
    link.close()
    assert link.cpu.balance["held"] < held
    assert link.now == START + 10**9
