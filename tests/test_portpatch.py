"""Patches of ports: what crosses is the same with them and without, in whatever order they come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.errors import NetosError
from netos.portpatch import ByteCounter, PortPatch, driven_ports, port_bytes
from netos.router import Router

TEXT = "c :: Counter -> q :: Queue(1000) -> n :: Null -> u :: Unqueue -> d :: Discard; Idle -> c"


@pytest.fixture
def router():
    with Router.from_text(TEXT, simulated=0) as made:
        yield made
        assert made.cpu.balance["held"] == 0


def send(router, *lengths):
    router["c"].push(0, [router.packet(bytes(length)) for length in lengths])
    router.cpu.advance()


def test_the_ports_an_element_drives(router):
    assert driven_ports(router["c"]) == [("output", 0)]
    assert driven_ports(router["n"]) == [("input", 0)]
    assert driven_ports(router["u"]) == [("output", 0), ("input", 0)]
    assert driven_ports(router["q"]) == []


def test_bytes_are_counted_while_somebody_counts(router):
    send(router, 100)
    assert port_bytes(router["c"], "output", 0) is None
    counters = [ByteCounter(), ByteCounter()]
    counters[0].insert(router["c"], "output", 0)
    counters[1].insert(router["u"], "input", 0)
    send(router, 60, 1, 0, 1500)
    for counter in counters:
        counter.remove()
    send(router, 7)
    assert port_bytes(router["c"], "output", 0) == 1561
    assert port_bytes(router["u"], "input", 0) == 1561
    assert router.read("d.count") == "6"


def test_ports_that_cannot_be_patched(router):
    patch = PortPatch()
    for element, side, number in (("q", "output", 0), ("q", "input", 0), ("c", "output", 1), ("c", "output", -1)):
        with pytest.raises(NetosError, match="does not drive"):
            patch.insert(router[element], side, number)
    patch.insert(router["c"], "output", 0)
    with pytest.raises(NetosError, match="one port at a time"):
        patch.insert(router["u"], "output", 0)
    patch.remove()
    patch.remove()
    with pytest.raises(NetosError, match="initialised"):
        patch.insert(Router.from_text(TEXT, simulated=0)["c"], "output", 0)


@given(moves=st.lists(st.integers(0, 4), max_size=30))
def test_patches_come_and_go_in_any_order(moves):
    """Each packet passes once, and each counter that is there sees it."""
    with Router.from_text(TEXT, simulated=0) as router:
        for side, element in (("output", "c"), ("input", "u")):
            patches = [ByteCounter() for _ in range(4)] + [PortPatch()]
            placed = set()
            expected, sent = 0, int(router.read("d.count"))
            for move in moves:
                if move in placed:
                    patches[move].remove()
                else:
                    patches[move].insert(router[element], side, 0)
                placed ^= {move}
                send(router, 10)
                expected += 10 * len(placed - {4})
                sent += 1
            assert router.read("d.count") == str(sent)
            assert (port_bytes(router[element], side, 0) or 0) == expected


def test_a_patch_may_go_while_a_packet_crosses_it():
    """What lies behind takes the patch out, and everything else that holds it is gone."""
    from netos.pyelement import PyElement
    from netos.registry import Registry, default_registry

    patches = [PortPatch()]

    class Remover(PyElement):
        ports = "1/1"

        def process(self, packet):
            if patches:
                patches.pop().remove()
            return packet

    class Known(Registry):
        def find(self, name):
            return Remover if name == "Remover" else default_registry.find(name)

    with Router.from_text(TEXT.replace("q :: Queue(1000) -> n :: Null -> u :: Unqueue", "Remover"), simulated=0,
                          registry=Known()) as router:
        patches[0].insert(router["c"], "output", 0)
        send(router, 1, 2, 3)
        assert router.read("d.count") == "3"
