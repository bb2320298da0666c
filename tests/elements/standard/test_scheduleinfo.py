"""ScheduleInfo: tickets are shares of the runs."""

import pytest

from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START

TWO = "a :: InfiniteSource -> ca :: Counter -> Discard; b :: InfiniteSource -> cb :: Counter -> Discard;"


def test_three_to_one():
    with Router.from_text(f"{TWO} ScheduleInfo(a 3)", simulated=START) as router:
        router.cpu.run_tasks_once(4000)
        counts = int(router.read("ca.count")), int(router.read("cb.count"))
    assert sum(counts) == 4000
    assert abs(counts[0] - 3000) <= 2


def test_compound_elements_multiply():
    with Router.from_text("""c :: { s :: InfiniteSource -> output; ScheduleInfo(s 0.5) }; c -> Discard;
                             o :: InfiniteSource -> Discard; ScheduleInfo(c 3, o 100)""", simulated=START) as router:
        assert router.read("c/s.tickets") == "1536"
        assert router.read("o.tickets") == "32768"


@pytest.mark.parametrize("entry", ["nobody 1", "a", "a b", "a -1", "a 1 2"])
def test_bad_entries_are_refused(entry):
    with pytest.raises(ConfigError):
        Router.from_text(f"{TWO} ScheduleInfo({entry})")
