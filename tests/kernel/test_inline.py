"""The inline runner: the loop and the virtual CPU take turns, and whatever Python starts is noticed.

Under the real clock, but nothing waits for it: every test ends when what it expects has happened.
"""

import asyncio

import pytest
import uvloop

from netos.builder import Builder
from netos.kernel.inline import InlineRunner
from netos.pyelement import PyElement
from netos.router import Router

FLOOD = "source :: InfiniteSource(ACTIVE false) -> count :: Counter -> Discard;"
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Worker(PyElement):
    """Tells a future when its task or its timer has run."""

    ports = "0/0"

    def configure(self):
        self.done = None
        self.error = None

    def run_task(self):
        self.done.set_result("task")

    def run_timer(self):
        self.done.set_result("timer")


def run(router, test, new_loop=asyncio.new_event_loop):
    """Run an asynchronous test of a router and its runner, which must end in ten seconds."""

    async def body():
        runner = InlineRunner(router.cpu, asyncio.get_running_loop())
        runner.start()
        try:
            async with asyncio.timeout(10):
                await idle(router)
                return await test(router, runner)
        finally:
            runner.close()

    with router, asyncio.Runner(loop_factory=new_loop) as asyncio_runner:
        return asyncio_runner.run(body())


async def idle(router):
    """Let the loop go round until the virtual CPU has made its first turns and sleeps."""
    before = -1
    while router.cpu.turns != before:
        before = router.cpu.turns
        for _ in range(3):
            await asyncio.sleep(0)


async def until(condition):
    """Go round the loop until something is true."""
    while not condition():
        await asyncio.sleep(0)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_stop_in_the_graph_ends_the_run(new_loop):
    async def test(router, runner):
        await runner.stopped
        return router.read("count.count")

    router = Router.from_text("InfiniteSource(LIMIT 1000, STOP true) -> count :: Counter -> Discard;")
    assert run(router, test, new_loop) == "1000"


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_task_started_by_a_write_handler_wakes_a_sleeping_loop(new_loop):
    async def test(router, runner):
        turns = router.cpu.turns
        assert router["count"].count == 0
        router.write("source.active", "true")
        await until(lambda: router["count"].count)
        return router.cpu.turns > turns

    assert run(Router.from_text(FLOOD), test, new_loop)


def test_packets_pushed_from_python_wake_what_pulls_them():
    async def test(router, runner):
        router["queue"].push(0, [router.packet(b"x")])
        await until(lambda: router["count"].count)

    run(Router.from_text("i :: Idle -> queue :: Queue -> Unqueue -> count :: Counter -> Discard;"), test)


@pytest.mark.parametrize(("start", "what"), [
    (lambda worker: worker.schedule_task(), "task"), (lambda worker: worker.schedule_after(0), "timer"),
    (lambda worker: worker.schedule_after(0.001), "timer")])
def test_tasks_and_timers_of_python_elements_started_from_a_coroutine_run(start, what):
    async def test(router, runner):
        router["w"].done = asyncio.get_running_loop().create_future()
        start(router["w"])
        return await router["w"].done

    build = Builder()
    build("w", Worker)
    assert run(build.router(), test) == what


def test_a_flood_leaves_the_loop_its_turns():
    """A saturating source makes a turn of the loop as long as the budget, not longer."""

    async def test(router, runner):
        router.cpu.budget = 200_000
        router.write("source.active", "true")
        await until(lambda: router["count"].count)
        rounds = router.cpu.turns
        for _ in range(5):
            await asyncio.sleep(0)
        assert router.cpu.turns > rounds
        router.stop()
        await runner.stopped

    run(Router.from_text(FLOOD), test)


def test_a_sleeping_graph_makes_no_turns():
    async def test(router, runner):
        await idle(router)
        turns = router.cpu.turns
        for _ in range(50):
            await asyncio.sleep(0)
        assert router.cpu.turns == turns

    run(Router.from_text("Idle -> Queue -> Unqueue -> Discard;"), test)


def test_stopping_from_python_ends_the_run():
    async def test(router, runner):
        router.stop()
        await runner.stopped

    run(Router.from_text(FLOOD), test)


def test_after_a_stop_the_loop_is_left_alone():
    async def test(router, runner):
        router.stop()
        await runner.stopped
        turns = router.cpu.turns
        router.cpu.wake()
        for _ in range(10):
            await asyncio.sleep(0)
        assert router.cpu.turns == turns
        runner.close()

    run(Router.from_text(FLOOD), test)


def test_what_goes_wrong_in_a_turn_reaches_whoever_waits():
    def fail():
        raise ZeroDivisionError("a script's mistake")

    async def test(router, runner):
        router.cpu.on_stop = fail
        router.stop()
        with pytest.raises(ZeroDivisionError):
            await runner.stopped

    run(Router.from_text(FLOOD), test)


def test_closing_leaves_nothing_on_the_loop():
    async def test(router, runner):
        router.write("source.active", "true")
        await until(lambda: router["count"].count)
        runner.close()
        count = router["count"].count
        for _ in range(10):
            await asyncio.sleep(0)
        assert router["count"].count == count
        assert not runner.stopped.done()
        runner.close()

    run(Router.from_text(FLOOD), test)
