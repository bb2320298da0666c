"""(d) Two virtual CPUs on threads of their own, each with a replica of the in-memory path, against one.

Beside it, in the same rounds, the machine's own share: two separate processes, which have nothing in common, against
one. `python -m bench.two_vcpus PROCESSOR SECONDS` is such a process: it says ready, waits for a line, and prints its
rate.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Fact, Row, row
from bench.memory_path import GRAPH, frame
from netos.kernel.thread import VcpuThread
from netos.kernel.threads import Threads
from netos.router import Router

ROOT = Path(__file__).parent.parent


def threads(count: int) -> tuple[list[Router], list[VcpuThread]]:
    """Replicas of the nine-element graph, each on a thread pinned to a processor."""
    source = f"source :: InfiniteSource(\\<{frame().hex()}>, TIMESTAMP false);"
    routers = [Router.from_text(source + GRAPH, widen=256).initialize() for _ in range(count)]
    return routers, [VcpuThread(router.cpu, number) for number, router in enumerate(routers)]


def thread_rate(count: int, seconds: float, first: int = 0) -> float:
    """Millions of packets a second that so many replicas pass in all, on processors from the `first` on."""
    routers, runners = threads(first + count)
    for runner in runners[first:]:
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


def process_rate(count: int, seconds: float) -> float:
    """The same in as many processes."""
    children = [subprocess.Popen([sys.executable, "-m", "bench.two_vcpus", str(number), str(seconds)], cwd=ROOT,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for number in range(count)]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    return sum(float(child.communicate("go\n")[0]) for child in children)


def one_graph_rate(count: int, seconds: float) -> float:
    """The same path twice in one graph, as `netos click -j` runs it on so many threads, the first of which is ours."""
    path = GRAPH.replace("source ->", f"source :: InfiniteSource(\\<{frame().hex()}>, TIMESTAMP false) ->")
    shared = Threads(count, range(count))
    text = f"a :: {{ {path} }}; b :: {{ {path} }}; StaticThreadSched(b {count - 1});"
    router = Router.from_text(text, widen=256, threads=shared).initialize()
    router.cpu.budget = int(seconds * 1e9)
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    shared.start()
    start = time.perf_counter()
    router.cpu.run()
    with shared.paused():
        total = router["a/counter"].count + router["b/counter"].count
        passed = time.perf_counter() - start
    shared.close()
    router.close()
    os.sched_setaffinity(0, processors)
    return float(total / passed / 1e6)


def rows(quick: bool = False) -> list[Row | Fact]:
    """Threads, processes, and one ratio against the other."""
    seconds, rounds = (0.1, 3) if quick else (0.5, 9)
    rates = [(thread_rate(2, seconds), thread_rate(1, seconds), process_rate(2, seconds), process_rate(1, seconds))
             for _ in range(rounds)]
    shares = sorted(two / one / (processes / process) for two, one, processes, process in rates)
    return [
        row("d  two vCPUs on threads, in memory", [rate[:2] for rate in rates], peer="one vCPU", wanted=">= 1.8"),
        row("d  one graph, `click -j 2`", [(one_graph_rate(2, seconds), one_graph_rate(1, seconds))
                                            for _ in range(rounds)], peer="`click -j 1`"),
        row("d  control: two processes of the same", [rate[2:] for rate in rates], peer="one process"),
        Fact("d  threads' ratio over that of processes", f"{statistics.median(shares):.2f} "
             f"({shares[0]:.2f}–{shares[-1]:.2f})", "", "1: what is missing from 2, the machine takes"),
    ]


def main(processor: str, seconds: str) -> None:
    """One process of the control."""
    print("ready", flush=True)
    sys.stdin.readline()
    print(thread_rate(1, float(seconds), int(processor)))


if __name__ == "__main__":
    main(*sys.argv[1:])
