"""Two hosts in one graph and in virtual time: `a`, 10.0.0.1, and `b`, 10.0.0.2, on a cable, each with its stack."""

import pytest

from netos.hotswap import take_over
from netos.proto.endpoints import TcpEndpoint
from netos.router import Router

CABLE = """
a :: HostStack(10.0.0.1/24, ETHER 02:00:00:00:00:01, STACK client);
b :: HostStack(10.0.0.2/24, ETHER 02:00:00:00:00:02);
a -> Unqueue -> b -> Unqueue -> a;
"""
START = 10**18


class User:
    """Notes what has come on a connection; reads it at once, unless told not to."""

    def __init__(self, endpoint, reading=True):
        self.endpoint = endpoint
        self.reading = reading
        self.got = bytearray()
        self.events = 0
        endpoint.user = self

    def stack_event(self, events):
        self.events |= events
        if self.reading:
            self.got += self.endpoint.receive()


class Pair:
    """The graph that runs, and what was connected in it."""

    def __init__(self, more="", text=CABLE):
        self.router = Router.from_text(text + more, simulated=START).initialize()
        self.cpu = self.router.cpu

    @property
    def client(self):
        return self.router["a"].stack

    def connect(self, port, reading=True):
        user = User(TcpEndpoint(self.client, ("10.0.0.2", port)), reading)
        self.wait(0.1)
        return user

    def wait(self, seconds):
        self.cpu.advance(self.cpu.now + round(seconds * 1e9))

    def build(self, more="", text=CABLE):
        return Router.from_text(text + more, cpu=self.cpu)

    def reload(self, more="", text=CABLE):
        """Another graph takes over; the one before is taken apart."""
        old, new = self.router, self.build(more, text)
        take_over(new, old)
        old.close()
        self.router = new

    def read(self, path):
        return self.router.read(path)


@pytest.fixture
def pair():
    """Makes pairs of hosts; every packet comes home."""
    made = []

    def make(*arguments):
        made.append(Pair(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.router.close()
        assert each.cpu.stacks == {}
        balance = each.cpu.balance
        assert balance["received"] + balance["created"] == balance["sent"] + balance["consumed"] + balance["dropped"]
