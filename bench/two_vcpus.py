"""(d) Two virtual CPUs on threads of their own, each with a replica of the in-memory path, against one."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.measure import Row, compare
from bench.memory_path import GRAPH, frame
from netos.kernel.thread import VcpuThread
from netos.router import Router


def threads(count: int) -> tuple[list[Router], list[VcpuThread]]:
    """Replicas of the nine-element graph, each on a thread pinned to a processor."""
    source = f"source :: InfiniteSource(\\<{frame().hex()}>, TIMESTAMP false);"
    routers = [Router.from_text(source + GRAPH, widen=256).initialize() for _ in range(count)]
    return routers, [VcpuThread(router.cpu, number) for number, router in enumerate(routers)]


def rate(count: int, seconds: float) -> Callable[[], float]:
    """A function that runs that many replicas for a while and answers millions of packets a second in all."""

    def run() -> float:
        routers, runners = threads(count)
        for runner in runners:
            runner.start()
        time.sleep(0.05)
        before, start = sum(router["counter"].count for router in routers), time.perf_counter()
        time.sleep(seconds)
        total, passed = sum(router["counter"].count for router in routers) - before, time.perf_counter() - start
        for runner in runners:
            runner.close()
        for router in routers:
            router.close()
        return total / passed / 1e6

    return run


def rows(quick: bool = False) -> list[Row]:
    """One row."""
    seconds = 0.1 if quick else 0.5
    return [compare("d  two vCPUs on threads, in memory", rate(2, seconds), rate(1, seconds), peer="one vCPU",
                    wanted=">= 1.8")]
