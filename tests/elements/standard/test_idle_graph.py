"""An idle graph does nothing at all: no task runs, in an hour of virtual time."""

import pytest

from netos.router import Router
from netos.testing.harness import START

HOUR = 3600 * 10**9


@pytest.mark.parametrize("text", [
    "Idle -> Queue -> Unqueue -> Discard",
    "Idle -> Queue -> Discard",
    "Idle -> Queue -> Shaper(1000) -> Unqueue -> Discard",
    "Idle -> Queue -> BandwidthShaper(1kBps) -> Discard",
    "Idle -> Queue -> Strip(1) -> PullTee -> Unqueue -> Queue -> Unqueue -> Discard",
    "Idle -> Queue -> [0] r :: RoundRobinSched -> p :: PrioSched -> Unqueue -> Discard; Idle -> Queue -> [1] r",
    "RatedSource(RATE 0) -> Queue -> Unqueue -> Discard",
    "InfiniteSource(LIMIT 1000, BURST 10) -> Queue -> Shaper(100000) -> Unqueue -> Discard",
    "RatedSource(RATE 100, LIMIT 200) -> Unqueue -> Discard",
    "InfiniteSource(LIMIT 200) -> Unqueue -> Discard",
    "InfiniteSource(LIMIT 200) -> Shaper(1000) -> Unqueue -> Discard",
])
def test_no_task_runs_in_an_hour(text):
    with Router.from_text(text, simulated=START) as router:
        router.cpu.advance(START + 5 * 10**9)
        runs = router.cpu.task_runs
        router.cpu.advance(START + HOUR)
        assert router.cpu.task_runs == runs
        assert router.cpu.next_timeout is None
        assert router.cpu.balance["held"] == 0
