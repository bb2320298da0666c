"""Virtual CPUs in a group run and stand still together, and wake each other by letters."""

import asyncio
import os
import time

import pytest

from netos.control.replicas import Replicas
from netos.errors import Diagnostics
from netos.kernel.group import GroupRunner, VcpuGroup
from netos.lang import parse_config
from netos.registry import default_registry
from netos.testing.arp import arp_reply, station

QUERIER = "Idle -> q :: ARPQuerier(10.0.0.1/24, 02:00:00:00:00:01) -> out :: Queue -> Idle; Idle -> [1] q;"


def replicas_of(text, group):
    graph, _ = parse_config(text, "x", class_info=default_registry.class_info, class_names=default_registry.names)
    return Replicas.build(graph, group.cpus, registry=default_registry, diagnostics=Diagnostics()).initialize()


def running(text, scenario, count=3, threaded=True):
    async def main():
        group = VcpuGroup(count)
        replicas = replicas_of(text, group)
        runner = GroupRunner(group.cpus, asyncio.get_running_loop(), threaded=threaded)
        runner.start()
        try:
            await scenario(replicas, runner)
        finally:
            runner.close()
            replicas.close()

    asyncio.run(main())


def test_in_a_pause_nothing_moves_anywhere():
    async def scenario(replicas, runner):
        for _ in range(50):
            with runner.paused():
                counts = [router["c"].count for router in replicas.routers]
                with runner.paused():
                    assert [router["c"].count for router in replicas.routers] == counts
            await asyncio.sleep(0)
        until = time.monotonic() + 10
        while not all(router["c"].count > counts[number] for number, router in enumerate(replicas.routers)):
            assert time.monotonic() < until
            await asyncio.sleep(0.001)

    running("InfiniteSource -> c :: Counter -> Discard;", scenario)


def test_a_letter_wakes_a_thread_that_sleeps():
    async def scenario(replicas, runner):
        with runner.paused():
            asking, hearing = replicas.routers[0]["q"], replicas.routers[2]["q"]
            packet = replicas.routers[0].packet(b"data")
            packet.destination = bytes([10, 0, 0, 2])
            asking.push(0, [packet])
            hearing.push(1, [replicas.routers[2].packet(arp_reply(station(2), "10.0.0.2", station(1), "10.0.0.1"))])
        until = time.monotonic() + 10
        while replicas.routers[0].read("out.length") != "2":        # the query, then what waited for the answer
            assert time.monotonic() < until, "it never woke"
            await asyncio.sleep(0.001)

    running(QUERIER, scenario)


def test_threads_have_cores_of_their_own_only_where_there_are_enough():
    cores = len(os.sched_getaffinity(0))
    loop = asyncio.new_event_loop()
    try:
        for count in (1, 2, cores, cores + 1):
            runner = GroupRunner(VcpuGroup(count).cpus, loop)
            assert runner.pinned == (1 < count <= cores)
            wanted = [thread.core for thread in runner.threads]
            assert len(wanted) == count - 1
            assert len(set(wanted)) == (len(wanted) if runner.pinned else min(len(wanted), 1))
            runner.close()
    finally:
        loop.close()


@pytest.mark.parametrize("count", [0, 65])
def test_how_many_there_can_be(count):
    with pytest.raises(ValueError, match="1 to 64"):
        VcpuGroup(count)
