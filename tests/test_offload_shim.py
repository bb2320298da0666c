"""Before an element that cannot take them, offloaded packets are completed and cut: pushed or pulled, in order."""

import struct

import pytest

from netos.drivers.devices import give_device
from netos.drivers.memory import Offload, memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.devices import DeviceUser

ETHER = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00"


def datagram(payload):
    """A frame with a UDP datagram whose checksum is still partial (and whatever it is)."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return ETHER + ip + struct.pack("!HHHH", 1, 2, 8 + len(payload), 0) + payload


def big(payload, size):
    return datagram(payload), Offload(1, 5, size, 34, 6, 42)


class Wire:
    """A graph between two memory devices: `source` carries offloads, `sink` only if `offload` says so."""

    def __init__(self, graph, offload=False, width=256):
        self.cpu = VirtualCpu(10**18)
        self.source, near = memory_pair("source", "near", offload=True)
        self.sink, far = memory_pair("sink", "far", offload=offload)
        give_device(self.cpu, near, "in")
        give_device(self.cpu, far, "out")
        self.router = Router.from_text(graph, cpu=self.cpu).initialize()
        self.cpu.width = self.cpu.widen = width

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.router.close()
        assert kind or self.cpu.balance["held"] == 0

    def payloads(self, *, offloads=False):
        self.cpu.advance()
        if offloads:
            return self.sink.receive(offloads=True)
        return [frame[42:] for frame in self.sink.receive()]


PUSH = "FromDevice(in) -> ToDevice(out)"
PULL = "FromDevice(in) -> Queue(9) -> ToDevice(out)"


@pytest.mark.parametrize("width", [1, 7, 256])
@pytest.mark.parametrize("graph", [PUSH, PULL])
def test_what_comes_out_is_cut_complete_and_in_order(graph, width):
    with Wire(graph, width=width) as wire:
        wire.source.send(datagram(b"first"))
        wire.source.send(*big(bytes(range(250)), 100))
        wire.source.send(datagram(b"partial"), Offload(1, 0, 0, 34, 6))
        wire.source.send(*big(b"tail" * 30, 100))
        wire.source.send(datagram(b"last"))
        whole = bytes(range(250))
        assert wire.payloads() == [b"first", whole[:100], whole[100:200], whole[200:], b"partial",
                                   (b"tail" * 30)[:100], (b"tail" * 30)[100:], b"last"]
        shim, = wire.router.shims
        assert (shim.segmented, shim.completed, shim.held) == (2, 1, 0)
        assert shim.element is wire.router.order[-1]


def test_a_packet_of_64_kib_becomes_more_segments_than_a_batch_holds():
    with Wire(PUSH) as wire:
        data = bytes(index % 253 for index in range(65000))
        wire.source.send(*big(data, 100))
        arrived = wire.payloads()
        assert len(arrived) == 650
        assert b"".join(arrived) == data


def test_a_device_that_carries_offloads_gets_the_packet_whole():
    with Wire("FromDevice(in) -> Counter -> Strip(14) -> Unstrip(14) -> ToDevice(out)", offload=True) as wire:
        frame, offload = big(bytes(64000), 1000)
        wire.source.send(frame, offload)
        assert wire.payloads(offloads=True) == [(frame, offload)]
        assert wire.router.shims == []


def test_what_was_stripped_is_there_again_in_every_segment():
    with Wire("FromDevice(in) -> Strip(14) -> Counter -> cut :: Paint(1) -> Unstrip(14) -> ToDevice(out)") as wire:
        wire.source.send(*big(bytes(250), 100))
        wire.cpu.advance()
        assert [frame[:14] for frame in wire.sink.receive()] == [ETHER] * 3


def test_an_element_may_take_partial_checksums_and_no_segments():
    from netos.pyelement import PyElement
    from netos.registry import Registry, default_registry

    class Checker(PyElement):
        ports = "1/0"
        processing = "h/h"
        offload = "checksum"

        def configure(self):
            self.seen = []

        def receive(self, port, packet):
            self.seen.append((len(packet), user.offload(packet)[0]))
            packet.kill()

    class Ours(Registry):
        def find(self, name):
            return Checker if name == "Checker" else default_registry.find(name)

    cpu = VirtualCpu(10**18)
    source, near = memory_pair("source", "near", offload=True)
    give_device(cpu, near, "in")
    user = DeviceUser(near, cpu)
    with Router.from_text("FromDevice(in) -> c :: Checker", cpu=cpu, registry=Ours()) as router:
        source.send(datagram(b"partial"), Offload(1, 0, 0, 34, 6))
        source.send(*big(bytes(200), 100))
        cpu.advance()
        assert router["c"].seen == [(49, 1), (142, 0), (142, 0)]
        assert (router.shims[0].segmented, router.shims[0].completed) == (1, 0)
        assert router.offloads == {router.shims[0].element.name: (1, 0)}
        assert router.read("offloads") == f"{router.shims[0].element.name}\t1\t0\n"    # else nobody could see the count
    assert cpu.balance["held"] == 0


def test_a_lie_is_dropped_by_the_element_it_was_meant_for():
    with Wire("FromDevice(in) -> o :: ToDevice(out)") as wire:
        wire.source.send(datagram(b"x"), Offload(1, 0, 0, 60000, 6))
        wire.source.send(datagram(b"x"), Offload(1, 5, 100, 20, 6))
        wire.source.send(datagram(b"y"))
        assert wire.payloads() == [b"y"]
        assert wire.router["o"].drop_counts == {"bad-offload": 2}


def test_a_pull_gets_what_it_asked_for_and_the_rest_waits():
    """ToDevice pulls one packet a run: segments beyond wait in the shim; closing the router ends them, counted."""
    with Wire("FromDevice(in) -> q :: Queue -> o :: ToDevice(out)", width=1) as wire:
        wire.source.send(*big(bytes(1000), 100))
        wire.source.send(datagram(b"last"))
        while not wire.sink.pending:
            wire.cpu.wait(0)
            wire.cpu.run_tasks_once()
        assert wire.sink.pending == 1
        assert wire.router.shims[0].held == 1
        wire.cpu.run_tasks_once(3)
        assert wire.sink.pending == 4


def test_two_sources_of_one_input_are_both_minded():
    with Wire("f :: FromDevice(in) -> t :: Tee; t[0] -> o :: ToDevice(out); t[1] -> o") as wire:
        wire.source.send(*big(bytes(150), 100))
        assert wire.payloads() == [bytes(100), bytes(50)] * 2
        assert sum(shim.segmented for shim in wire.router.shims) == 2
