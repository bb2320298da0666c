"""Reload: a good change takes over devices and state, a bad one changes nothing, an unconfirmed one goes back."""

import asyncio
import gc
import json
import random
import weakref

import pytest

from netos.control.appliance import Appliance
from netos.control.generations import Configuration, Generations
from netos.control.replicas import Replicas
from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.errors import NetosError
from netos.kernel.inline import InlineRunner
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

FORWARD = "in :: FromDevice(a) -> c :: Counter -> q :: Queue(1000) -> out :: ToDevice(b);"


class Running:
    """An appliance between two memory devices, on the loop or on a thread of its own."""

    def __init__(self, form, directory=None):
        self.cpu = VirtualCpu()
        self.near, a = memory_pair("near", "a", 4096)
        self.far, b = memory_pair("far", "b", 4096)
        give_device(self.cpu, a)
        give_device(self.cpu, b)
        self.lines = []
        configuration = Configuration(FORWARD, "first.click", {})
        router = Router.from_text(FORWARD, "first.click", cpu=self.cpu, widen=256).initialize()
        loop = asyncio.get_running_loop()
        self.runner = InlineRunner(self.cpu, loop) if form == "inline" else VcpuThread(self.cpu)
        self.appliance = Appliance(self.runner, Generations(directory), log=self.lines.append)
        self.appliance.start(Replicas([router]), configuration)
        if form == "inline":
            self.runner.start()
        else:
            self.runner.start(loop)

    async def forwards(self, count=10):
        frames = [bytes([number]) * 60 for number in range(count)]
        for frame in frames:
            assert self.near.send(frame)
        got = []
        for _ in range(2000):
            got += self.far.receive()
            if len(got) >= count:
                break
            await asyncio.sleep(0.001)
        assert got == frames

    async def reload(self, text, **options):
        return await self.appliance.reload(Configuration(text, "next.click", {}), **options)

    def close(self):
        self.runner.close()
        self.appliance.close()
        assert self.cpu.balance["held"] == 0


def running(form, scenario, directory=None):
    async def main():
        made = Running(form, directory)
        try:
            await asyncio.wait_for(scenario(made), 20)
        finally:
            made.close()
        return made

    return asyncio.run(main())


pytestmark = pytest.mark.parametrize("form", ["inline", "threaded"])


def test_a_reload_takes_over_devices_counters_and_queues(form):
    async def scenario(made):
        await made.forwards(10)
        outcome = await made.reload(FORWARD.replace("c :: Counter ->", "c :: Counter -> new :: Counter ->"))
        assert outcome.accepted, outcome
        assert outcome.generation == 2
        await made.forwards(5)
        assert made.appliance.read("c.count") == "15"
        assert made.appliance.read("new.count") == "5"

    running(form, scenario)


def test_a_refused_configuration_changes_nothing(form):
    async def scenario(made):
        await made.forwards(3)
        router = made.appliance.router
        for bad in ("FromDevice(a) -> Discart;", "Idle -> Counter(3);",
                    "FromDevice(a) -> d :: Discard; FromDevice(a) -> d;"):
            outcome = await made.reload(bad)
            assert not outcome.accepted
            assert outcome.details
            assert made.appliance.router is router
            assert outcome.generation == 1
            await made.forwards(3)
        assert made.appliance.read("c.count") == "12"

    running(form, scenario)


def test_an_element_that_refuses_to_start_leaves_the_old_graph_running(form):
    """The new graph has taken the devices already when its last element refuses: they must come back."""
    async def scenario(made):
        outcome = await made.reload(FORWARD + "Idle -> ToDump(/nonexistent/folder/x.pcap);")
        assert not outcome.accepted
        await made.forwards(4)

    running(form, scenario)


def test_the_same_configuration_is_nothing_to_do(form):
    async def scenario(made):
        outcome = await made.reload(FORWARD + "// a comment\n")
        assert outcome.accepted
        assert outcome.generation == 1
        assert "nothing to do" in outcome.message

    running(form, scenario)


def test_an_unconfirmed_change_goes_back_with_its_state(form):
    async def scenario(made):
        await made.forwards(2)
        outcome = await made.reload(FORWARD + "extra :: Idle -> Discard;", confirm=0.05)
        assert "confirm within" in outcome.message
        await made.forwards(3)
        for _ in range(2000):
            if not made.appliance.unconfirmed:
                break
            await asyncio.sleep(0.001)
        assert made.appliance.read("list").splitlines()[0] == "4"
        await made.forwards(4)
        assert made.appliance.read("c.count") == "9"
        assert made.appliance.generation == 3

    running(form, scenario)


def test_a_confirmed_change_stays(form):
    async def scenario(made):
        await made.reload(FORWARD + "extra :: Idle -> Discard;", confirm=0.2)
        assert made.appliance.confirm().accepted
        await asyncio.sleep(0.3)
        assert made.appliance.generation == 2
        assert "extra" in made.appliance.read("list")
        assert not made.appliance.confirm().accepted

    running(form, scenario)


def test_rollback_goes_to_any_kept_generation(form):
    async def scenario(made):
        for number in range(3):
            await made.reload(FORWARD + f"e{number} :: Idle -> Discard;")
        outcome = await made.appliance.rollback(2)
        assert outcome.accepted
        assert "e0" in made.appliance.read("list")
        assert not (await made.appliance.rollback(99)).accepted
        await made.forwards(4)

    running(form, scenario)


def test_the_last_good_configuration_and_the_audit_log_are_kept(form, tmp_path):
    async def scenario(made):
        await made.reload("broken", who="ann")
        await made.reload(FORWARD + "extra :: Idle -> Discard;", who="bob")

    running(form, scenario, tmp_path)
    assert "extra" in Generations(tmp_path).load_good().text
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [(line["who"], line["accepted"]) for line in lines] == [("ann", False), ("bob", True)]


def test_a_class_that_cannot_be_imported_any_more_refuses_the_change(form, tmp_path, monkeypatch):
    def without(*_):
        raise NetosError("ToDump cannot be imported")

    async def scenario(made):
        monkeypatch.setattr(made.appliance, "_build", without)
        outcome = await made.reload(FORWARD + "extra :: Idle -> Discard;", who="ann")
        assert outcome[:4] == (False, 1, "refused: generation 1 goes on", "ToDump cannot be imported\n")
        await made.forwards(1)

    running(form, scenario, tmp_path)
    assert json.loads((tmp_path / "audit.log").read_text())["accepted"] is False


def test_a_hundred_reloads_under_traffic_lose_and_reorder_nothing(form):
    async def scenario(made):
        sent = got = 0
        received = []
        for number in range(100):
            for _ in range(20):
                assert made.near.send(sent.to_bytes(4, "big") + bytes(60))
                sent += 1
            extra = f"e{number % 7} :: Idle -> Discard;"
            outcome = await made.reload(FORWARD + extra)
            assert outcome.accepted
            received += made.far.receive()
        for _ in range(2000):
            received += made.far.receive()
            if len(received) == sent:
                break
            await asyncio.sleep(0.001)
        got = [int.from_bytes(frame[:4], "big") for frame in received]
        assert got == list(range(sent))
        assert made.appliance.read("c.count") == str(sent)

    running(form, scenario)


def test_mutated_configurations_never_disturb_the_graph(form):
    async def scenario(made):
        random_source = random.Random(7)
        for _ in range(60):
            text = list(FORWARD)
            for _ in range(random_source.randrange(1, 4)):
                text[random_source.randrange(len(text))] = random_source.choice("(){}[]->:;,$\"' xQ0")
            before = made.appliance.router
            outcome = await made.reload("".join(text))
            assert outcome.accepted or made.appliance.router is before
            if outcome.accepted:
                await made.reload(FORWARD)
        await made.forwards(5)

    running(form, scenario)


def test_a_replaced_graph_is_gone_without_the_garbage_collector(form):
    """Its tables may be large, and the collector, which counts objects, does not know that."""
    async def scenario(made):
        before = weakref.ref(made.appliance.router)
        gc.disable()
        try:
            await made.reload(FORWARD + "extra :: Idle -> Discard;")
            assert before() is None
        finally:
            gc.enable()

    running(form, scenario)
