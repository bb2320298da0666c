"""Packets and threads: what another thread lets go of waits for the virtual CPU's own turn; nobody else gets at it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from netos.kernel.memory import arena
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.pyelement import PyElement
from netos.router import Router
from netos.testing.harness import ElementHarness

LONG = 10.0                     # seconds that turn a hang into a failure
SECOND = 10**9


class Stopper(PyElement):
    """Stand still inside a turn, without the GIL, until told to go on; then look again in a later turn."""

    ports = "1/0"

    def configure(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.seen: list[int] = []
        self.kept: list[Any] = []

    def stand(self) -> None:
        """Let other threads do what they want."""
        self.inside.set()
        assert self.go_on.wait(LONG)
        self.seen.append(self.cpu.balance["dropped"])

    def run_task(self) -> None:
        self.stand()

    def run_timer(self) -> None:
        self.seen.append(self.cpu.balance["dropped"])

    def receive(self, port: int, packet: Any) -> None:
        self.kept.append(packet.clone())
        packet.kill()
        self.stand()


@pytest.fixture
def harness() -> Iterator[Any]:
    with ElementHarness(Stopper, inputs=1, outputs=0) as harness:
        yield harness


@contextmanager
def elsewhere(element: Any, function: Callable[..., object], *arguments: object) -> Iterator[None]:
    """Meanwhile another thread stands in a turn of the virtual CPU."""
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    try:
        assert element.inside.wait(LONG)
        yield
    finally:
        element.go_on.set()
        thread.join()


@pytest.mark.parametrize("size", [10, 3000])
@pytest.mark.parametrize("way", ["run", "advance", "run_tasks_once"])
def test_what_another_thread_forgets_is_dropped_when_the_virtual_cpu_is_free(harness: Any, way: str, size: int) -> None:
    """Caches and counts are those of whoever works with them without the GIL: buffers were lost, and balances off."""
    cpu, element = harness.router.cpu, harness.element
    packets = [cpu.packet(bytes(size)) for _ in range(10)]
    packets += [packet.clone() for packet in packets[:5]]
    element.schedule_task()
    with elsewhere(element, getattr(cpu, way)):
        packets.clear()
        assert (cpu.balance["held"], cpu.balance["dropped"]) == (15, 0)
    assert element.seen == [0]
    assert (cpu.balance["held"], cpu.balance["dropped"]) == (0, 15)


def test_it_need_not_wait_for_the_end_of_the_run(harness: Any) -> None:
    cpu, element = harness.router.cpu, harness.element
    packets = [cpu.packet(b"x") for _ in range(3)]
    element.schedule_task()
    element.schedule_after(1)
    with elsewhere(element, cpu.advance, cpu.now + 2 * SECOND):
        packets.clear()
    assert element.seen == [0, 3]


def test_packets_pushed_and_pulled_by_hand_are_no_different(harness: Any) -> None:
    cpu, element = harness.router.cpu, harness.element
    packets = [cpu.packet(b"x") for _ in range(4)]
    with elsewhere(element, element.push, 0, [packets.pop()]):
        packets.clear()
        assert cpu.balance["dropped"] == 0
        element.kept.clear()
        assert cpu.balance["dropped"] == 0
    assert cpu.balance["dropped"] == 4


def test_the_virtual_cpus_own_thread_waits_for_nothing(harness: Any) -> None:
    """Inside a turn, Python is called between two steps of the data path."""
    cpu, element = harness.router.cpu, harness.element
    element.go_on.set()
    element.kept.append(cpu.packet(b"x"))
    element.stand = lambda: (element.kept.clear(), element.seen.append(cpu.balance["dropped"]))
    element.schedule_task()
    cpu.run()
    assert element.seen == [1]


def test_while_it_does_not_run_any_thread_may(harness: Any) -> None:
    cpu = harness.router.cpu
    packets = [cpu.packet(b"x"), cpu.packet(b"y").clone(), cpu.packet(b"z")]
    thread = threading.Thread(target=lambda: (packets.pop().kill(), packets.clear()))
    thread.start()
    thread.join()
    assert (cpu.balance["held"], cpu.balance["consumed"], cpu.balance["dropped"]) == (0, 1, 3)


REFUSED = [lambda cpu, packet: packet.kill(), lambda cpu, packet: packet.clone(),
           lambda cpu, packet: packet.prepend(b"x"), lambda cpu, packet: packet.append(b"x"),
           lambda cpu, packet: cpu.packet(b"x"), lambda cpu, packet: cpu.run(), lambda cpu, packet: cpu.advance(),
           lambda cpu, packet: cpu.run_tasks_once(), lambda cpu, packet: cpu.wait(0),
           lambda cpu, packet: VirtualCpu(0).adopt(packet), lambda cpu, packet: cpu.adopt(VirtualCpu(0).packet())]


@pytest.mark.parametrize("action", REFUSED)
def test_what_needs_the_virtual_cpu_is_refused_in_another_thread(harness: Any, action: Any) -> None:
    cpu, element = harness.router.cpu, harness.element
    packet = cpu.packet(b"data")
    element.schedule_task()
    with elsewhere(element, cpu.run):
        balance = cpu.balance
        with pytest.raises(RuntimeError, match="another thread"):
            action(cpu, packet)
        assert cpu.balance == balance
        assert bytes(packet) == b"data", "the packet is still the caller's"
        with memoryview(packet) as view:
            view[:] = b"DATA"
    action(cpu, packet)


def test_a_stack_is_made_while_the_virtual_cpu_runs(harness: Any) -> None:
    """A reload builds its graph, with a new HostStack perhaps, on a thread beside the packets."""
    cpu, element = harness.router.cpu, harness.element
    element.schedule_task()
    with elsewhere(element, cpu.run):
        balance = cpu.balance
        Stack(cpu)
        assert cpu.balance == balance


def test_graphs_are_not_pushed_into_nor_pulled_from_in_another_thread(harness: Any) -> None:
    cpu, element = harness.router.cpu, harness.element
    packet = cpu.packet(b"x")
    element.schedule_task()
    with elsewhere(element, cpu.run):
        for action in (lambda: element.push(0, [packet]), lambda: harness.router["feed0"].pull(0),
                       lambda: harness.router["feed0"].output(0, packet), element.input):
            with pytest.raises(RuntimeError):
                action()
        assert packet.alive
    packet.kill()


def test_a_view_that_needs_a_buffer_of_its_own_is_refused_in_another_thread(harness: Any) -> None:
    cpu, element = harness.router.cpu, harness.element
    packet = cpu.packet(b"data")
    copy = packet.clone()
    element.schedule_task()
    with elsewhere(element, cpu.run):
        with pytest.raises(BufferError, match="another thread"):
            memoryview(copy)
        assert bytes(copy) == b"data"
    with memoryview(copy) as view:
        view[:] = b"copy"
    copy.kill()
    packet.kill()


def test_a_thread_of_its_own_is_woken_for_it() -> None:
    router = Router.from_text("Idle -> Discard;", cpu=VirtualCpu()).initialize()
    cpu, thread = router.cpu, VcpuThread(router.cpu)
    packets = [cpu.packet(b"x") for _ in range(3)]
    thread.start()
    thread.rest()
    with pytest.raises(RuntimeError, match="another thread"):
        packets[0].kill()
    packets.clear()
    until = time.monotonic() + LONG
    while cpu.balance["dropped"] < 3:
        assert time.monotonic() < until, "it sleeps, and the packets with it"
        time.sleep(0.001)
    thread.close()
    router.close()


def test_who_holds_the_thread_has_its_packets() -> None:
    router = Router.from_text("Idle -> Discard;", cpu=VirtualCpu()).initialize()
    cpu, thread = router.cpu, VcpuThread(router.cpu)
    thread.start()
    with thread.paused():
        with thread.paused():
            packets = [cpu.packet(b"x") for _ in range(3)]
        packets.pop().kill()
        packets.pop()
        assert (cpu.balance["consumed"], cpu.balance["dropped"]) == (1, 1)
    with pytest.raises(RuntimeError, match="another thread"):
        packets[0].kill()
    thread.close()
    packets.pop().kill()
    assert cpu.balance["held"] == 0
    router.close()


def test_what_was_put_aside_goes_home_though_there_is_no_turn_any_more() -> None:
    router = Router.from_text("Idle -> Discard;", cpu=VirtualCpu()).initialize()
    cpu, thread = router.cpu, VcpuThread(router.cpu)
    packets = [cpu.packet(b"x") for _ in range(3)]
    cpu.stopped = True
    thread.start()
    packets.clear()
    assert (cpu.turns, cpu.balance["held"]) == (0, 3)
    thread.close()
    assert (cpu.turns, cpu.balance["held"], cpu.balance["dropped"]) == (0, 0, 3)
    router.close()


def test_a_busy_virtual_cpu_and_forgetful_threads_lose_no_buffer() -> None:
    """Without the rule this lost dozens of buffers; what is not seen here is seen by the sanitizers."""
    gc.collect()
    before = arena()
    router = Router.from_text("InfiniteSource(BURST 32) -> Queue(100) -> Unqueue(32) -> Discard;", cpu=VirtualCpu(),
                              widen=256).initialize()
    cpu = router.cpu
    ended = threading.Event()

    def busy(cpu: VirtualCpu) -> None:
        while not ended.is_set():
            cpu.run()

    for _ in range(20):
        packets = [cpu.packet(b"x") for _ in range(300)]
        ended.clear()
        thread = threading.Thread(target=busy, args=(cpu,))
        thread.start()
        while packets:
            packets.pop()
        ended.set()
        thread.join()
    router.close()
    balance = cpu.balance
    assert (balance["held"], balance["empty"]) == (0, 0)
    del router, cpu, thread
    gc.collect()
    assert arena() == before
