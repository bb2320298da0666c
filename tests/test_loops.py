"""A graph that leads back into itself ends as drops named `loop`, never as a stack that is used up."""

import pytest

from netos.pyelement import PyElement
from netos.registry import Registry, default_registry
from netos.router import Router


class PassOn(PyElement):
    """Returns what it gets."""

    def process(self, packet):
        """Pass."""
        return packet


class SendOn(PyElement):
    """Sends what it gets."""

    ports = "1/1"
    processing = "h/h"

    def receive(self, port, packet):
        """Send."""
        self.output(0, packet)


class LoopRegistry(Registry):
    """The elements of this file beside all others."""

    def find(self, name):
        """The class."""
        return {"PassOn": PassOn, "SendOn": SendOn}.get(name) or default_registry.find(name)


def looped(text, *packets):
    """Drops by element when the packets are pushed into `x`."""
    with Router.from_text(text, registry=LoopRegistry(), simulated=0) as router:
        made = [router.packet(data.ljust(20)) for data in packets]
        for packet in made:
            packet.set_network_header(0, 20)
        router["x"].push(0, made)
        drops = router.drops
    assert router.cpu.balance["held"] == 0
    return drops


@pytest.mark.parametrize("element", ["Null", "PushNull", "Counter", "Tee", "IPFragmenter(1500)", "RoundRobinSwitch",
                                     "Paint(1)", "Classifier(-)", "PassOn"])
def test_an_element_that_feeds_itself(element):
    assert looped(f"Idle -> x :: {element}; x -> x", b"one", b"two", b"three") == {"x": {"loop": 3}}


def test_an_element_in_python_that_sends_to_itself():
    """Python's own limit comes first: the packet is dropped where the exception was."""
    drops = looped("Idle -> x :: SendOn; x -> x", b"one", b"two")
    assert sum(drops["x"].values()) == 2
    assert drops["x"].keys() <= {"loop", "exception", "abandoned"}


def test_a_ring_of_elements_without_one_that_sorts():
    """Each has a push of its own, none goes through emit()."""
    drops = looped("Idle -> x :: PushNull; x -> Tee -> IPFragmenter(1500) -> p :: PaintTee(9) -> n :: Null -> x; "
                   "p[1] -> Discard", b"one")
    assert list(drops.values()) == [{"loop": 1}]


def test_a_copy_a_round_ends():
    """Each round sends a copy out of the loop: all of them arrive."""
    with Router.from_text("Idle -> x :: Tee; x[1] -> x; x[0] -> out :: Counter -> Discard", simulated=0) as router:
        router["x"].push(0, [router.packet(b"one")])
        assert 100 < router["out"].count < 5000
    assert router.cpu.balance["held"] == 0


def test_a_long_chain_is_no_loop():
    chain = " -> ".join(["Null"] * 500)
    with Router.from_text(f"Idle -> x :: Null; x -> {chain} -> out :: Counter -> Discard", simulated=0) as router:
        router["x"].push(0, [router.packet(b"one")])
        assert router["out"].count == 1
