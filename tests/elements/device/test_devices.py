"""FromDevice and ToDevice on memory devices: bursts, full devices, devices that vanish, names that mean nothing."""

import logging

import pytest

from netos.drivers.devices import claims_of, give_device
from netos.drivers.memory import ends, memory_pair
from netos.errors import ConfigError
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

FRAMES = [b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00" + bytes([number]) * 46 for number in range(30)]


class Wire:
    """A graph between the devices `in` and `out`, in virtual time; leaving it asserts that no packet is lost."""

    def __init__(self, graph, *, capacity=1024, width=256, address=b""):
        self.cpu = VirtualCpu(10**18)
        self.source, self.near = memory_pair("source", "near")
        self.sink, self.far = memory_pair("sink", "far", capacity)
        self.near.address = address
        give_device(self.cpu, self.near, "in")
        give_device(self.cpu, self.far, "out")
        self.router = Router.from_text(graph, cpu=self.cpu).initialize()
        self.cpu.width = self.cpu.widen = width

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.router.close()
        balance = self.cpu.balance
        assert kind or balance["held"] == 0
        drops = sum(sum(counts.values()) for counts in self.router.drops.values())
        assert kind or balance["dropped"] == drops, "a drop has no name"

    def send(self, frames):
        assert all(self.source.send(frame) for frame in frames)

    def run_for(self, seconds):
        self.cpu.advance(self.cpu.now + round(seconds * 1e9))
        return self.sink.receive()

    def run(self):
        self.cpu.advance()
        return self.sink.receive()


@pytest.mark.parametrize("width", [1, 7, 256])
@pytest.mark.parametrize("graph", ["FromDevice(in) -> ToDevice(out)", "FromDevice(in) -> Queue -> ToDevice(out)"])
def test_frames_go_through_in_order(graph, width):
    with Wire(graph, width=width) as wire:
        wire.send(FRAMES)
        assert wire.run() == FRAMES
        wire.send(FRAMES[:1])
        assert wire.run() == FRAMES[:1]


def test_without_widening_the_burst_is_exact():
    """Click's default burst is one packet a call."""
    with Wire("f :: FromDevice(in) -> Discard") as wire:
        wire.cpu.widen = 0
        wire.send(FRAMES[:5])
        wire.cpu.wait(0)
        assert wire.router["f"].count == 1
        wire.run()
        assert wire.router["f"].count == 5
    with Wire("f :: FromDevice(in, BURST 3) -> Discard") as wire:
        wire.cpu.widen = 0
        wire.send(FRAMES[:5])
        wire.cpu.wait(0)
        assert wire.router["f"].count == 3
        wire.run()


def test_packet_types_come_from_the_destination_address():
    """Our own address is told from others' where the device has one."""
    own, other = b"\x02\0\0\0\0\x07", b"\x02\0\0\0\0\x08"
    frames = [destination + bytes(50) for destination in (own, other, b"\xff" * 6, b"\x01\0\x5e\0\0\1")]
    for address, expected in ((own, [0, 3, 1, 2]), (b"", [0, 0, 1, 2])):
        with Wire("FromDevice(in) -> q :: Queue -> Idle", address=address) as wire:
            wire.send(frames)
            wire.cpu.advance()
            packets = wire.router["q"].pull(0, 9)
            assert [packet.packet_type for packet in packets] == expected
            for packet in packets:
                packet.kill()


def test_time_stamps_are_the_clocks_unless_refused():
    for options, stamped in (("", True), (", TIMESTAMP false", False)):
        with Wire(f"FromDevice(in{options}) -> q :: Queue -> Idle") as wire:
            wire.send(FRAMES[:1])
            wire.cpu.advance()
            packet, = wire.router["q"].pull(0, 1)
            assert (packet.timestamp >= 10**18) == stamped
            packet.kill()


def test_force_ip_keeps_ip_packets_only_and_marks_them():
    ip = b"\x45" + bytes(19)
    good = FRAMES[0][:14] + ip + b"payload"
    ether = FRAMES[0][:14]
    bad = [ether[:12] + b"\x08\x06" + ip, ether + b"\x46" + bytes(19), ether + b"\x65" + bytes(30),
           ether + b"\x44" + bytes(30), good[:20], b"", b"x"]
    with Wire("f :: FromDevice(in, FORCE_IP true) -> q :: Queue -> Idle") as wire:
        wire.send([good, *bad])
        wire.cpu.advance()
        packet, = wire.router["q"].pull(0, 9)
        assert (packet.network_header, packet.transport_header) == (14, 34)
        packet.kill()
        assert wire.router["f"].drop_counts == {"filtered": len(bad)}


def test_an_inactive_reader_leaves_frames_in_the_device():
    with Wire("f :: FromDevice(in, ACTIVE false) -> ToDevice(out)") as wire:
        wire.send(FRAMES)
        assert wire.run() == []
        assert wire.near.pending == len(FRAMES)
        wire.router.write("f.active", "true")
        assert wire.run() == FRAMES
        assert wire.router.read("f.count") == str(len(FRAMES))
        wire.router.write("f.reset_counts")
        assert wire.router.read("f.count") == "0"


def test_a_pulling_todevice_waits_for_room_and_loses_nothing():
    with Wire("FromDevice(in) -> q :: Queue -> o :: ToDevice(out)", capacity=4) as wire:
        wire.send(FRAMES)
        arrived = wire.run()
        assert arrived == FRAMES[:4]
        runs = wire.cpu.task_runs
        assert wire.cpu.runnable == 0, "a full device makes the task spin"
        while frames := wire.run():
            arrived += frames
        assert arrived == FRAMES
        assert wire.cpu.task_runs - runs < len(FRAMES)
        assert int(wire.router.read("o.holds")) >= 7


def test_a_pushed_todevice_drops_what_does_not_fit():
    with Wire("FromDevice(in) -> o :: ToDevice(out)", capacity=4) as wire:
        wire.send(FRAMES)
        assert wire.run() == FRAMES[:4]
        assert wire.router["o"].drop_counts == {"device-full": len(FRAMES) - 4}
        assert wire.router.read("o.drops") == str(len(FRAMES) - 4)
        assert wire.router.read("o.count") == "4"


@pytest.mark.parametrize("width", [1, 256])
def test_what_was_sent_and_what_was_lost_come_out_again(width):
    graph = "FromDevice(in) -> o :: ToDevice(out); o[0] -> s :: Queue -> Idle; o[1] -> l :: Queue -> Idle"
    with Wire(graph, capacity=4, width=width) as wire:
        wire.send(FRAMES[:9])
        assert wire.run() == FRAMES[:4]
        for name, expected in (("s", FRAMES[:4]), ("l", FRAMES[4:9])):
            packets = wire.router[name].pull(0, 100)
            assert [bytes(packet) for packet in packets] == expected
            for packet in packets:
                packet.kill()


def test_an_idle_graph_makes_no_task_run():
    with Wire("FromDevice(in) -> Queue -> ToDevice(out)") as wire:
        wire.run()
        runs = wire.cpu.task_runs
        wire.cpu.advance(wire.cpu.now + 3600 * 10**9)
        assert wire.cpu.task_runs == runs


def test_one_device_serves_both_directions():
    with Wire("FromDevice(in) -> EtherMirror -> ToDevice(in)") as wire:
        wire.send(FRAMES[:3])
        wire.cpu.advance()
        assert wire.source.receive() == [frame[6:12] + frame[:6] + frame[12:] for frame in FRAMES[:3]]


def test_a_graph_reads_a_device_once():
    cpu = VirtualCpu(10**18)
    give_device(cpu, memory_pair("a", "b")[0], "in")
    with pytest.raises(ConfigError, match="one reads the device a already: connect it to a Tee"):
        Router.from_text("one :: FromDevice(in) -> Discard; two :: FromDevice(in) -> Discard", cpu=cpu).initialize()


def test_elements_must_agree_about_a_device():
    with pytest.raises(ConfigError, match="asked for mtu 1400 here and mtu 1500 elsewhere"):
        Router.from_text("FromDevice(nt-x, MTU 1500) -> Discard; FromDevice(nt-x, MTU 1400) -> Discard")


@pytest.mark.parametrize(("arguments", "words"), [
    ("", "required argument missing"),
    ("tap:", "names no device"),
    ("in, BPF_FILTER icmp", "put an IPFilter"),
    ("in, ENCAP IP", "frames of this driver are Ethernet"),
    ("in, MTU 10", "MTU"),
    ("in, BURST 0", "BURST"),
])
def test_wrong_arguments_say_so(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Router.from_text(f"FromDevice({arguments}) -> Discard")


def test_a_memory_device_has_no_mtu_to_set():
    with pytest.raises(ConfigError, match="only taps have"):
        Router.from_text("FromDevice(mem:nt-m, MTU 1400) -> Discard").initialize()


def test_mem_names_find_pairs_made_elsewhere_or_make_one():
    near, far = memory_pair("nt-near", "nt-far")
    cpu = VirtualCpu(10**18)
    with Router.from_text("FromDevice(mem:nt-far) -> ToDevice(mem:nt-new)", cpu=cpu):
        assert far is not None
        near.send(FRAMES[0])
        cpu.advance()
        assert ends["nt-new.peer"].receive() == [FRAMES[0]]
    assert claims_of(cpu) == {}
    assert "nt-new.peer" not in ends


def test_a_device_is_let_go_with_its_last_claim_and_can_be_claimed_again():
    with Wire("FromDevice(in) -> ToDevice(out)") as wire:
        wire.send(FRAMES[:1])
        assert wire.run() == FRAMES[:1]
        wire.router.close()
        wire.router = Router.from_text("FromDevice(in) -> Queue -> ToDevice(out)", cpu=wire.cpu).initialize()
        wire.send(FRAMES[1:])
        assert wire.run() == FRAMES[1:]


def test_a_failing_initialize_releases_every_device():
    cpu = VirtualCpu(10**18)
    with pytest.raises(ConfigError):
        Router.from_text("FromDevice(mem:nt-a) -> ToDevice(mem:nt-b); FromDevice(mem:nt-c, MTU 1400) -> Discard",
                         cpu=cpu).initialize()
    assert claims_of(cpu) == {}


@pytest.mark.parametrize("queue", ["", "Queue ->"])
def test_a_device_that_vanishes_is_said_once_and_tried_again(queue, caplog):
    """Packets to it are dropped meanwhile, the rest goes on, and when it is back it forwards."""
    graph = f"FromDevice(in) -> {queue} o :: ToDevice(out); FromDevice(mem:nt-other) -> e :: Discard"
    with caplog.at_level(logging.INFO, "netos.device"), Wire(graph) as wire:
        wire.far.broken = True
        wire.send(FRAMES[:3])
        assert wire.run_for(0.01) == []
        ends["nt-other.peer"].send(FRAMES[0])
        wire.send(FRAMES[3:6])
        assert wire.run_for(0.01) == []
        assert wire.router["o"].drop_counts == {"device-gone": 6}
        assert wire.router["e"].count == 1
        assert [record.message for record in caplog.records] == [
            "far: the device is gone (Input/output error); trying again until it is back"]
        wire.run_for(60)
        assert len(caplog.records) == 1
        wire.far.broken = False
        wire.run_for(10)
        assert caplog.records[-1].message == "far: the device is back"
        wire.send(FRAMES[6:9])
        assert wire.run_for(0.01) == FRAMES[6:9]
