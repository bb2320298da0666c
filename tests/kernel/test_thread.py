"""The threaded virtual CPU: it runs without the GIL, stands still when asked, and its events arrive."""

import asyncio
import time

import pytest

from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router


def threaded(text):
    router = Router.from_text(text, cpu=VirtualCpu(), widen=256).initialize()
    return router, VcpuThread(router.cpu)


def wait_until(condition, seconds=5.0):
    """Poll a condition; the deadline only turns a hang into a failure."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.001)


def test_it_runs_while_python_holds_the_gil_elsewhere():
    router, thread = threaded("InfiniteSource -> c :: Counter -> Discard;")
    thread.start()
    wait_until(lambda: router["c"].count > 0)
    before = router["c"].count
    sum(range(2_000_000))           # pure Python, GIL held but for its switches
    assert router["c"].count > before
    thread.close()
    router.close()
    assert router.cpu.balance["held"] == 0


def test_a_pause_is_a_batch_boundary_and_nothing_moves_in_it():
    router, thread = threaded("InfiniteSource -> a :: Counter -> Queue(1000) -> Unqueue -> b :: Counter -> Discard;")
    thread.start()
    try:
        for _ in range(200):
            with thread.paused():
                balance, count = router.cpu.balance, router["b"].count
                assert balance["created"] == balance["consumed"] + balance["dropped"] + balance["held"]
                assert router["b"].count == count
                with thread.paused():
                    assert router.cpu.balance == balance
    finally:
        thread.close()
        router.close()


def test_an_idle_thread_sleeps_and_a_pause_wakes_it():
    router, thread = threaded("Idle -> q :: Queue -> u :: Unqueue -> c :: Counter -> Discard;")
    thread.start()
    wait_until(lambda: router.cpu.turns > 0)
    with thread.paused():
        turns = router.cpu.turns
        router["q"].push(0, [router.packet(b"x")])
    wait_until(lambda: router["c"].count == 1)
    assert router.cpu.turns < turns + 50
    thread.close()
    router.close()


def test_timers_run_on_the_thread():
    router, thread = threaded("TimedSource(0.001, LIMIT 5) -> c :: Counter -> Discard;")
    thread.start()
    wait_until(lambda: router["c"].count == 5)
    thread.close()
    router.close()


def test_events_and_the_stop_reach_the_loop():
    async def main():
        router, thread = threaded("InfiniteSource(LIMIT 100) -> c :: Counter(COUNT_CALL 50 d.reset_counts) -> "
                                  "d :: Counter"
                                  " -> Discard; s :: TimedSource(0.01, LIMIT 1, STOP true) -> Discard;")
        stopped = asyncio.Event()
        thread.stopped = stopped.set
        thread.start(asyncio.get_running_loop())
        await asyncio.wait_for(stopped.wait(), 5)
        thread.close()
        counts = (router["c"].count, router["d"].count)
        router.close()
        return counts

    first, second = asyncio.run(main())
    assert first == 100
    assert second < 100


def test_stepped_time_stands_still_until_it_is_told_to_go_on():
    """A thread in virtual time does all there is to do at one instant and no more: then its tests repeat."""
    router = Router.from_text("TimedSource(1, LIMIT 3, STOP false) -> c :: Counter -> Discard;",
                              cpu=VirtualCpu(0, stepped=True)).initialize()
    thread = VcpuThread(router.cpu)
    thread.start()
    try:
        seen = []
        for until in (500_000_000, 1_500_000_000, 2_000_000_000, 9_000_000_000):
            due = True
            while due:
                thread.rest()
                with thread.paused():
                    due = router.cpu.step(until)
            assert until <= router.cpu.now < until + 100        # looking at it moves it, a nanosecond each time
            seen.append(router["c"].count)
        assert seen == [0, 1, 2, 3]
    finally:
        thread.close()
        router.close()


def test_only_a_stepped_clock_can_be_stepped():
    with pytest.raises(RuntimeError, match="only a stepped clock"):
        VirtualCpu(0).step(1)
