"""TimedSource: one packet an interval, the first after one interval."""

import pytest

from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START, ElementHarness


def times(packet):
    return packet.timestamp - START


@pytest.mark.parametrize(("arguments", "packets"), [
    ((), 20), (("2",), 5), (("100ms", "abc"), 100), (("1", "LIMIT 3"), 3), (("1", "ACTIVE false"), 0),
])
def test_packets_in_ten_seconds(arguments, packets):
    with ElementHarness("TimedSource", *arguments) as harness:
        harness.advance(10)
        assert len(harness.outputs[0]) == packets
        assert harness.router.cpu.task_runs == 0


def test_packets_are_exactly_an_interval_apart():
    with ElementHarness("TimedSource", "3ms", show=times) as harness:
        harness.advance(1)
        shown = harness.outputs[0]
    assert len(shown) == 333
    for number, time in enumerate(shown):
        assert 0 <= time - (number + 1) * 3_000_000 <= 10


def test_handlers():
    with ElementHarness("TimedSource", "1", "x", "HEADROOM 10") as harness:
        assert [harness.read(name) for name in ("interval", "headroom", "data", "active")] == ["1s", "10", "x", "true"]
        harness.advance(1.5)
        harness.write("interval", "0.1")
        harness.advance(1.0)
        assert int(harness.read("count")) == 1 + 1 + 5
        harness.write("active", "false")
        harness.advance(1)
        harness.write("active", "true")
        harness.advance(0.35)
        assert int(harness.read("count")) == 7 + 3
        harness.write("reset")
        assert harness.read("count") == "0"


def test_stop_comes_an_interval_after_the_last_packet():
    with Router.from_text("TimedSource(1, LIMIT 2, STOP true) -> Queue -> Unqueue -> c :: Counter -> Discard",
                          simulated=START) as router:
        router.cpu.advance(START + 2_500_000_000)
        assert (router.run_count, router.read("c.count")) == (1, "2")
        router.cpu.advance(START + 3_500_000_000)
        assert router.run_count == 0


@pytest.mark.parametrize("argument", ["0", "-1", "x"])
def test_a_bad_interval_is_refused(argument):
    with pytest.raises(ConfigError, match="INTERVAL"):
        ElementHarness("TimedSource", argument)
