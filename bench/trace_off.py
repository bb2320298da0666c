"""(t) A trace that was there and is gone against none ever; and what one costs that matches nothing.

The path is that of (a), the time that of the processor. Two graphs of it differ by a percent or so, by where their
memory lies: what one is worth against the other is measured first, while neither has ever been traced.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from bench.measure import Row, row
from bench.memory_path import frame, graph_rate
from netos.control.access import Access, RouterAppliance
from netos.control.switches import add_counters
from netos.router import Router

Rate = Callable[[], float]
NOTHING = "tcp port 81 and host 203.0.113.9"


def made_graph(seconds: float) -> tuple[Rate, Access]:
    """A graph that can be run, and its handlers."""
    data = "\\<" + frame().hex() + ">"
    run = graph_rate(f"source :: InfiniteSource({data}, TIMESTAMP false);", seconds)
    router: Router = run.router  # type: ignore[attr-defined]
    counter = router["counter"]

    def rate() -> float:
        before, start = counter.count, time.thread_time()
        run()
        return (counter.count - before) / (time.thread_time() - start) / 1e6

    access = Access(RouterAppliance(router))
    add_counters(access)
    return rate, access


def start(access: Access, **wanted: object) -> None:
    """Begin a capture."""
    access.write("capture_start", json.dumps({"id": "bench", **wanted}))


def stop(access: Access) -> None:
    """End it."""
    access.write("capture_stop", "bench")


def pairs(traced: Rate, plain: Rate, rounds: int, bias: float = 1.0) -> list[tuple[float, float]]:
    """Rates measured in turn, the second as it would be in the first one's place."""
    return [(traced(), plain() * bias) for _ in range(rounds)]


def rows(quick: bool = False) -> list[Row]:
    """Three rows: after a trace, during one, during a dump; ratios to the graph without."""
    seconds, rounds = (0.005, 21) if quick else (0.01, 201)
    (traced, access), (plain, _) = made_graph(seconds), made_graph(seconds)
    pairs(traced, plain, 3)
    bias = statistics.median(mine / other for mine, other in pairs(traced, plain, rounds))

    def after() -> float:
        start(access, what="trace", filter="udp", count=10)
        traced()
        access.read("capture_data", "bench")
        stop(access)
        return traced()

    found = [row("t  nine elements, traced before", pairs(after, plain, rounds, bias), peer="never traced",
                 wanted=">= 0.99")]
    for name, wanted in (("t  trace on, nothing matches", {"what": "trace", "filter": NOTHING}),
                         ("t  dump of an edge, nothing matches", {"edge": "counter", "filter": NOTHING})):
        start(access, **wanted)
        found.append(row(name, pairs(traced, plain, rounds, bias), peer="never traced"))
        stop(access)
    return found
