"""Transfers over bad links: whatever the link does, what arrives is what was sent, and no packet is forgotten."""

import random

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Link, Trouble

OPEN = ("ESTABLISHED", "CLOSE-WAIT")


class Side:
    """One end of a transfer: sends its data in pieces of any size, reads in pieces of any size, closes."""

    def __init__(self, endpoint, data, chance):
        self.endpoint, self.data, self.chance = endpoint, data, chance
        self.sent, self.received, self.closed = 0, [], False

    def step(self):
        endpoint = self.endpoint
        if self.sent < len(self.data) and endpoint.state in OPEN:
            self.sent += endpoint.send(self.data[self.sent:self.sent + self.chance.randrange(1, 50_000)])
        if self.sent == len(self.data) and not self.closed and endpoint.state in OPEN:
            endpoint.shutdown()
            self.closed = True
        if self.chance.random() < 0.7:
            self.received.append(endpoint.receive(self.chance.randrange(1, 100_000)))

    @property
    def done(self):
        return self.closed and self.endpoint.finished and not self.endpoint.readable and not self.endpoint.unsent


def transfer(seed, trouble, cpu, most=60_000, *, old=False):
    """Both ends send something to each other, and both hear all of it; `old`: stacks that lack or limit something."""
    chance = random.Random(seed)
    link = Link(trouble, seed=seed, mtu=chance.choice((576, 1500, 9000)), offload=not old and chance.random() < 0.4,
                cpu=cpu)
    if old:
        smallest = chance.choice((1, 50, 537, 2000, 10_000, 65_535, 1 << 20))
        most = min(most, 20 * smallest)
        for stack in (link.left, link.right):
            stack.configure_tcp(
                sack=chance.random() < 0.4, timestamps=chance.random() < 0.5, window_scaling=chance.random() < 0.5,
                ecn=chance.random() < 0.5, always_cookies=chance.random() < 0.2,
                receive_buffer=smallest,
                send_buffer=chance.choice((1000, 50_000, 1 << 20)))
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    left = Side(TcpEndpoint(link.left, ("10.0.0.2", 80)), chance.randbytes(chance.randrange(most)), chance)
    sides = [left]

    def step():
        if len(sides) == 1 and (accepted := listener.accept()) is not None:
            sides.append(Side(accepted, chance.randbytes(chance.randrange(most)), chance))
        for side in sides:
            side.step()

    finished = link.run(lambda: len(sides) == 2 and all(side.done for side in sides), seconds=2000, each=step)
    assert finished, (seed, [side.endpoint.facts for side in sides])
    left, right = sides
    assert b"".join(left.received) == right.data
    assert b"".join(right.received) == left.data
    for side in sides:
        side.endpoint.close()
    listener.close()
    link.close()


@pytest.mark.parametrize("seed", range(0, 1000, 10))
def test_transfers_over_a_bad_link_are_exact(seed):
    """Ten seeds each: a byte lost, doubled or swapped, a connection that hangs, a packet not given back fails."""
    cpu = VirtualCpu(0)
    trouble = Trouble(loss=0.05, duplication=0.02, corruption=0.02, reordering=0.1, jitter=0.0001)
    for number in range(seed, seed + 10):
        transfer(number, trouble, cpu)
    assert cpu.balance["held"] == 0


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_transfers_between_old_and_small_stacks_are_exact(seed):
    """Without SACK, timestamps, window scaling, with ECN and marks, with cookies, with windows from a byte on."""
    cpu = VirtualCpu(0)
    trouble = Trouble(loss=0.02, duplication=0.02, corruption=0.01, reordering=0.05, jitter=0.0001, marking=0.05)
    for number in range(seed, seed + 10):
        transfer(number, trouble, cpu, 20_000, old=True)
    assert cpu.balance["held"] == 0


def test_a_slow_reader_gets_it_all():
    """A window that is closed most of the time: the sender asks, waits, and never gives up or sends nonsense."""
    cpu = VirtualCpu(0)
    link = Link(Trouble(loss=0.05), seed=1, cpu=cpu)
    link.right.configure_tcp(receive_buffer=5000)
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert link.run(lambda: listener.waiting > 0, seconds=20)
    server = listener.accept()
    data = random.Random(1).randbytes(50_000)
    assert client.send(data) == len(data)
    client.shutdown()
    received = []
    while not (server.finished and not server.readable):
        link.run(seconds=30)
        received.append(server.receive(2500))
        assert client.state in ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"), client.facts
    assert b"".join(received) == data
    link.close()


def test_a_good_link_loses_no_time():
    """Without trouble nothing is sent twice."""
    cpu = VirtualCpu(0)
    link = Link(offload=False, cpu=cpu)
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert link.run(lambda: listener.waiting > 0, seconds=1)
    server = listener.accept()
    data = random.Random(1).randbytes(1_000_000)
    received = []
    sent = 0

    def step():
        nonlocal sent
        if sent < len(data):
            sent += client.send(data[sent:])
        received.append(server.receive())

    assert link.run(lambda: sum(map(len, received)) == len(data), seconds=5, each=step)
    assert b"".join(received) == data
    assert link.left.counters["tcp_retransmitted"] == 0
