"""Replicas on several virtual CPUs are one appliance: asked as one, changed all or none, with no packet lost."""

import asyncio
import json

import pytest

from netos.control.access import Access, AccessError, resolve
from netos.control.appliance import Appliance
from netos.control.counters import snapshot
from netos.control.generations import Configuration, Generations
from netos.control.metrics import prometheus
from netos.control.replicas import Replicas
from netos.control.switches import add_counters
from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.errors import ConfigError, DeviceError, HandlerError
from netos.kernel.group import GroupRunner, VcpuGroup
from netos.lang import parse_config
from netos.registry import default_registry

FORWARD = "in :: FromDevice(a) -> c :: Counter -> q :: Queue(1000) -> out :: ToDevice(b);"


def build(text, cpus):
    graph, diagnostics = parse_config(text, "x.click", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    return Replicas.build(graph, cpus, registry=default_registry, diagnostics=diagnostics, widen=256)


class Running:
    """An appliance of several replicas, each between two memory devices of its own."""

    def __init__(self, count=2, text=FORWARD, threaded=False):
        self.group = VcpuGroup(count)
        self.near, self.far = [], []
        for number, cpu in enumerate(self.group.cpus):
            for name, ends in (("a", self.near), ("b", self.far)):
                outside, inside = memory_pair(f"{name}{number}-outside", f"{name}{number}", 4096)
                give_device(cpu, inside, name)
                ends.append(outside)
        self.ended = []
        self.runner = GroupRunner(self.group.cpus, asyncio.get_running_loop(), threaded=threaded,
                                  ended=self.ended.append)
        self.appliance = Appliance(self.runner, Generations())
        self.access = Access(self.appliance, paused=self.runner.paused)
        add_counters(self.access)
        self.appliance.start(build(text, self.group.cpus).initialize(), Configuration(text, "x.click", {}))
        self.runner.start()

    async def until(self, condition):
        for _ in range(5000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never came")

    async def forwards(self, counts):
        """Send that many frames through each replica, and have all of them come out, in order."""
        sent = [[bytes([number, place & 255, place >> 8]) + bytes(57) for place in range(count)]
                for number, count in enumerate(counts)]
        for end, frames in zip(self.near, sent):
            assert all(end.send(frame) for frame in frames)
        got = [[] for _ in counts]

        def all_came():
            for end, frames in zip(self.far, got):
                frames += end.receive()
            return sum(map(len, got)) >= sum(counts)

        await self.until(all_came)
        assert got == sent

    async def reload(self, text, **options):
        return await self.appliance.reload(Configuration(text, "next.click", {}), **options)

    def close(self):
        self.runner.close()
        self.appliance.close()
        assert all(cpu.balance["held"] == 0 for cpu in self.group.cpus)


def running(scenario, **options):
    async def main():
        made = Running(**options)
        try:
            await asyncio.wait_for(scenario(made), 30)
        finally:
            made.close()

    asyncio.run(main())


@pytest.mark.parametrize("threaded", [False, True])
def test_counts_are_summed_and_each_can_be_asked(threaded):
    async def scenario(made):
        await made.forwards([3, 4])
        assert made.access.read("c.count") == "7"
        assert [made.access.read(f"c.count@{number}") for number in range(2)] == ["3", "4"]
        assert made.access.read("q.capacity") == "1000"
        assert made.access.read("q.highwater_length") == str(max(
            int(made.access.read(f"q.highwater_length@{number}")) for number in range(2)))
        assert made.access.read("c.class") == "Counter"
        found = snapshot(made.access)
        assert found["elements"]["c"]["outputs"] == [{"packets": 7, "bytes": None}]
        assert found["elements"]["q"]["queue"] == {"length": 0, "capacity": 2000}
        assert found["devices"]["a"]["rx"]["packets"] == found["devices"]["b"]["tx"]["packets"] == 7
        assert found["balance"]["received"] == found["balance"]["sent"] == 7
        assert len(found["cpus"]) == 2
        assert 'netos_cpu_turns_total{cpu="1"}' in prometheus(found)

    running(scenario, threaded=threaded)


def test_a_replica_that_is_not_there_is_refused():
    async def scenario(made):
        with pytest.raises(HandlerError, match="there is no replica 2, only 0 to 1"):
            made.access.read("c.count@2")
        assert resolve(made.access, "c.count@1").path == "c.count@1"
        assert resolve(made.access, "2.count@1").path == "c.count@1"
        for name in ("c.count@2", "c.cuont@1", "counters@1"):
            with pytest.raises(AccessError):
                resolve(made.access, name)

    running(scenario)


def test_writes_reach_all_or_one_and_a_refused_one_none():
    async def scenario(made):
        await made.forwards([2, 2])
        made.access.write("q.capacity", "50")
        assert [made.access.read(f"q.capacity@{number}") for number in range(2)] == ["50", "50"]
        with pytest.raises(HandlerError):
            made.access.write("q.capacity", "many")
        assert made.access.read("q.capacity") == "50"
        made.access.write("q.capacity@1", "60")
        assert made.access.read("q.capacity") == "replica 0:\n50\nreplica 1:\n60\n"
        made.access.write("c.reset@0")
        assert made.access.read("c.count") == "2"

    running(scenario)


def test_bytes_are_counted_and_drops_sampled_in_all():
    async def scenario(made):
        made.access.write("byte_counts", "true")
        made.access.write("drop_samples", "true")
        for number, end in enumerate(made.near):
            end.send(bytes([number]) * 60)
        await made.until(lambda: snapshot(made.access)["elements"]["c"]["drops"] == {"filtered": 2})
        assert snapshot(made.access)["elements"]["in"]["outputs"] == [{"packets": 2, "bytes": 120}]
        samples = json.loads(made.access.read("drop_samples"))
        assert [(sample["element"], sample["reason"]) for sample in samples] == [("c", "filtered")]
        made.access.write("drop_samples", "false")

    running(scenario, text="in :: FromDevice(a) -> MarkIPHeader -> c :: IPFilter(deny all) -> ToDevice(b);")


def test_a_reload_under_traffic_loses_and_reorders_nothing():
    async def scenario(made):
        for turn in range(20):
            await made.forwards([30, 20])
            for number, end in enumerate(made.near):
                for place in range(40):
                    assert end.send(bytes([number, place]) + bytes(58))
            outcome = await made.reload(FORWARD + f"extra{turn} :: Idle -> Discard;")
            assert outcome.accepted, outcome
            got = [[], []]

            def all_came(got=got):
                for end, frames in zip(made.far, got):
                    frames += end.receive()
                return sum(map(len, got)) >= 80

            await made.until(all_came)
            assert got == [[bytes([number, place]) + bytes(58) for place in range(40)] for number in range(2)]
        assert made.access.read("c.count") == str(20 * (50 + 80))

    running(scenario)


def test_when_the_second_replica_cannot_be_initialised_all_old_ones_go_on():
    async def scenario(made):
        _outside, inside = memory_pair("c-outside", "c-inside", 16)
        give_device(made.group.cpus[0], inside, "c")
        made.group.cpus[1].__dict__["devices"]["c"] = Broken(made.group.cpus[1])
        outcome = await made.reload(FORWARD + "FromDevice(c) -> Discard;")
        assert not outcome.accepted
        assert "nobody may have it" in outcome.details
        await made.forwards([5, 5])
        assert made.access.read("c.count") == "10"
        assert made.appliance.generation == 1
        assert all("Discard" not in router.read("list") for router in made.appliance.routers)

    running(scenario)


class Broken:
    """A claim of a device that cannot be opened."""

    device = attachment = None
    opened = False

    def __init__(self, cpu):
        self.key = "c"

    def add(self, options):
        pass

    def open(self):
        raise DeviceError("nobody may have it")

    def release(self):
        pass


def test_an_unconfirmed_change_goes_back_in_all():
    async def scenario(made):
        await made.forwards([2, 3])
        outcome = await made.reload(FORWARD.replace("Queue(1000)", "Queue(500)"), confirm=60)
        assert outcome.accepted
        await made.forwards([1, 1])
        outcome = await made.appliance.rollback()
        assert outcome.accepted
        await made.forwards([1, 1])
        assert [router.read("c.count") for router in made.appliance.routers] == ["4", "5"]

    running(scenario)


def test_a_stop_of_any_ends_the_run():
    async def scenario(made):
        made.access.write("stop")
        await made.until(lambda: made.ended)
        assert made.ended[0] is None

    running(scenario)


@pytest.mark.parametrize(("text", "complaint"), [
    ("FromDevice(pcap:x.pcap) -> Discard;", "has one queue, and 2 virtual CPUs want one each"),
    ("Idle -> ToDump(x.pcap);", "ToDump cannot be on several virtual CPUs: all would write the same file"),
    ("Script(print 1);", "a script speaks to one graph"),
])
def test_what_cannot_have_replicas_is_refused(text, complaint):
    cpus = VcpuGroup(2).cpus
    with pytest.raises(ConfigError) as caught:
        build(text, cpus)
    assert [complaint in str(error) for error in caught.value.diagnostics.errors] == [True]


def test_diagnostics_come_once():
    with pytest.raises(ConfigError) as caught:
        build("Idle -> Queue(x) -> Discard;", VcpuGroup(3).cpus)
    assert len(caught.value.diagnostics.errors) == 1


def test_one_replica_is_a_router():
    """With one virtual CPU nothing is combined, and FromDump and its like run."""
    group = VcpuGroup(1)
    replicas = build("Script(set x 1); Idle -> c :: Counter -> Discard;", group.cpus).initialize()
    try:
        assert group.cpus[0].replicas == 1
        assert replicas.read("c.count") == "0"
        assert replicas.read("c.count@0") == "0"
    finally:
        replicas.close()


def test_memory_devices_have_a_queue_for_each():
    group = VcpuGroup(2)
    replicas = build("FromDevice(mem:m) -> Discard;", group.cpus).initialize()
    try:
        assert [cpu.__dict__["devices"]["m"].device.name for cpu in group.cpus] == ["m", "m.1"]
    finally:
        replicas.close()
