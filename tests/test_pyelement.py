"""Elements in Python: nothing they do loses a packet, changes the order, or stops the data path."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from netos.pyelement import PyElement
from netos.testing.harness import ElementHarness, run_element

FRAMES = [b"%d" % number for number in range(10)]


class Upper(PyElement):
    """Pass on packets, in capitals."""

    def process(self, packet: Any) -> Any:
        data = bytes(packet)
        with memoryview(packet) as view:
            view[:] = data.upper()
        return packet


class Sieve(PyElement):
    """Kill some packets, forget others, fail at the rest."""

    def process(self, packet: Any) -> Any:
        data = bytes(packet)
        if data in (b"1", b"4"):
            packet.kill()
            return None
        if data in (b"2", b"5"):
            return None
        if data in (b"3", b"6"):
            raise ValueError(data)
        return packet


class Mixed(PyElement):
    """Send some packets at once and return the others."""

    def process(self, packet: Any) -> Any:
        if int(bytes(packet)) % 3 == 0:
            self.output(0, packet)
            return None
        return packet


class Doubler(PyElement):
    """Send a clone after each packet, by all the ways there are."""

    def process(self, packet: Any) -> Any:
        copy = packet.clone()
        self.output(0, packet)
        return copy


class Replacer(PyElement):
    """Return a packet of its own making; the old one is forgotten."""

    def process(self, packet: Any) -> Any:
        return self.packet(b"new " + bytes(packet))


class Hoarder(PyElement):
    """Keep packets and give them away much later."""

    def configure(self) -> None:
        self.kept: list[Any] = []

    def process(self, packet: Any) -> Any:
        self.kept.append(packet.clone())
        return None if packet.kill() is None else packet

    def cleanup(self) -> None:
        for packet in self.kept:
            packet.kill()


class Sorter(PyElement):
    """Odd numbers to output 1."""

    ports = "2/2"
    processing = "h/h"

    def receive(self, port: int, packet: Any) -> None:
        if bytes(packet) == b"7":
            raise KeyError("seven")
        self.output(int(bytes(packet)) % 2, packet)


class Supplier(PyElement):
    """Supply two packets, fail once, supply two more, then nothing."""

    ports = "0/1"
    processing = "a/l"

    def configure(self) -> None:
        self.turn = 0

    def supply(self, port: int) -> Any:
        self.turn += 1
        if self.turn == 3:
            raise RuntimeError("dry")
        return self.packet(b"%d" % self.turn) if self.turn < 6 else None


class Viewer(PyElement):
    """Return packets that somebody still looks at."""

    def configure(self) -> None:
        self.views: list[memoryview] = []

    def process(self, packet: Any) -> Any:
        self.views.append(memoryview(packet))
        return packet


class Worker(PyElement):
    """Make packets from a task and a timer."""

    ports = "0/1"
    processing = "a/h"

    def configure(self) -> None:
        self.left = 3

    def initialize(self) -> None:
        self.schedule_task()
        self.schedule_after(0.5)

    def run_task(self) -> bool:
        self.left -= 1
        self.output(0, self.packet(b"task"))
        return self.left > 0

    def run_timer(self) -> None:
        self.output(0, self.packet(b"timer"))
        raise RuntimeError("once is enough")


def test_process_passes_packets_pushed_and_pulled() -> None:
    assert run_element(Upper, push=[b"abc", b"", b"def"], drops={}) == [[b"ABC", b"", b"DEF"]]


@pytest.mark.parametrize("width", [1, 7, 256])
def test_what_is_not_passed_on_is_counted_by_reason(width: int, caplog: pytest.LogCaptureFixture) -> None:
    with ElementHarness(Sieve, width=width) as harness, caplog.at_level(logging.ERROR):
        harness.push(0, FRAMES)
        assert harness.outputs == [[b"0", b"7", b"8", b"9"]]
        assert harness.drops == {"exception": 2, "abandoned": 2}
        assert harness.element.exceptions == 2
        assert harness.router.cpu.balance["held"] == 0
    assert [record.exc_info is not None and record.exc_info is not False for record in caplog.records] in (
        [True, False], [True, True])
    assert "ValueError" in caplog.text


def test_order_is_kept_when_output_and_return_are_mixed() -> None:
    for width in (1, 7, 256):
        with ElementHarness(Mixed, width=width) as harness:
            harness.push(0, FRAMES)
            assert harness.outputs == [FRAMES]


def test_a_packet_may_be_sent_and_its_clone_returned() -> None:
    with ElementHarness(Doubler) as harness:
        harness.push(0, FRAMES[:3])
        assert harness.outputs == [[b"0", b"0", b"1", b"1", b"2", b"2"]]


def test_a_replaced_packet_is_abandoned() -> None:
    with ElementHarness(Replacer) as harness:
        harness.push(0, [b"x"])
        assert (harness.outputs, harness.drops) == ([[b"new x"]], {"abandoned": 1})


def test_what_an_element_holds_is_held() -> None:
    with ElementHarness(Hoarder) as harness:
        harness.push(0, FRAMES)
        assert harness.router.cpu.balance["held"] == 10


def test_receive_sorts_and_survives_its_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    with ElementHarness(Sorter, inputs=2, outputs=2) as harness, caplog.at_level(logging.CRITICAL):
        harness.push(1, FRAMES)
        assert harness.outputs == [FRAMES[::2], [b"1", b"3", b"5", b"9"]]
        assert harness.drops == {"exception": 1}


def test_supply_is_asked_until_it_has_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with ElementHarness(Supplier, inputs=0, outputs=1) as harness, caplog.at_level(logging.CRITICAL):
        assert harness.pull(0, 10) == [b"1", b"2"]
        assert harness.pull(0, 10) == [b"4", b"5"]
        assert harness.pull(0, 10) == []
        assert harness.element.exceptions == 1


def test_a_packet_under_view_is_not_sent_and_counted_when_the_view_ends() -> None:
    with ElementHarness(Viewer) as harness:
        harness.push(0, [b"seen"])
        assert harness.outputs == [[]]
        assert [bytes(view) for view in harness.element.views] == [b"seen"]
        assert harness.router.cpu.balance["held"] == 1
        harness.element.views.clear()
        assert harness.router.cpu.balance["held"] == 0
        assert harness.router.cpu.balance["dropped"] == 1


def test_tasks_and_timers_run_and_failures_stay_inside(caplog: pytest.LogCaptureFixture) -> None:
    with ElementHarness(Worker, inputs=0, outputs=1) as harness, caplog.at_level(logging.CRITICAL):
        harness.advance(1)
        assert harness.outputs == [[b"task", b"task", b"task", b"timer"]]
        assert harness.element.exceptions == 1
        harness.element.schedule_after(1)
        harness.element.unschedule()
        harness.advance(2)
        assert len(harness.outputs[0]) == 4


class TestOutput:
    """What output() and push() refuse leaves the packet with the caller."""

    def test_a_port_that_is_not_there(self) -> None:
        with ElementHarness(Upper) as harness:
            packet = harness.router.packet(b"x")
            with pytest.raises(IndexError):
                harness.element.output(1, packet)
            with pytest.raises(IndexError):
                harness.element.push(1, [packet])
            packet.kill()

    def test_a_port_that_is_pulled(self) -> None:
        with ElementHarness(Supplier, inputs=0, outputs=1) as harness:
            packet = harness.router.packet(b"x")
            with pytest.raises(RuntimeError, match="pulled"):
                harness.element.output(0, packet)
            packet.kill()

    def test_a_packet_under_view(self) -> None:
        with ElementHarness(Upper) as harness:
            packet = harness.router.packet(b"x")
            with memoryview(packet), pytest.raises(BufferError):
                harness.element.output(0, packet)
            with memoryview(packet), pytest.raises(BufferError):
                harness.element.push(0, [packet])
            packet.kill()

    @pytest.mark.parametrize("wrong", [None, b"bytes", "twice", "dead"])
    def test_what_is_no_packet_of_ours(self, wrong: Any) -> None:
        with ElementHarness(Upper) as harness:
            packet, dead = harness.router.packet(b"x"), harness.router.packet(b"y")
            dead.kill()
            given = {"twice": packet, "dead": dead}.get(wrong, wrong) if isinstance(wrong, str) else wrong
            with pytest.raises((TypeError, ValueError, RuntimeError)):
                harness.element.push(0, [packet, given])
            assert packet.alive, "push() took some packets and refused others"
            packet.kill()


class Interrupted(PyElement):
    """Ctrl-C arrives while the packet `stop` is looked at, or while the task runs."""

    def process(self, packet: Any) -> Any:
        if bytes(packet) == b"stop":
            raise KeyboardInterrupt
        return packet

    def run_task(self) -> Any:
        raise KeyboardInterrupt


class InterruptedReceiver(PyElement):
    """The same, where packets are received."""

    processing = "h/h"

    def receive(self, port: int, packet: Any) -> None:
        if bytes(packet) == b"stop":
            raise KeyboardInterrupt
        self.output(0, packet)


@pytest.mark.parametrize("kind", [Interrupted, InterruptedReceiver])
def test_ctrl_c_in_the_middle_of_a_batch_is_raised_behind_it(kind: type[PyElement]) -> None:
    """Inside, it would leave the data path with the batch's other packets lost."""
    with ElementHarness(kind) as harness:
        with pytest.raises(KeyboardInterrupt):
            harness.push(0, [b"one", b"stop", b"two"])
        assert (harness.outputs, harness.drops) == ([[b"one", b"two"]], {"exception": 1})
        harness.push(0, [b"three"])
        assert harness.outputs == [[b"one", b"two", b"three"]]


def test_ctrl_c_in_a_task_ends_the_run() -> None:
    with ElementHarness(Interrupted) as harness:
        harness.element.schedule_task()
        with pytest.raises(KeyboardInterrupt):
            harness.advance(1)
        harness.advance(1)
