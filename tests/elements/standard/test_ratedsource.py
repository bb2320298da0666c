"""RatedSource keeps its rate exactly in virtual time, and does nothing in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.router import Router
from netos.testing.harness import START, ElementHarness


@pytest.mark.parametrize(("arguments", "packets"), [
    (('"x"', "10"), 1 + 100), (("RATE 1000",), 1 + 10_000), (("RATE 3",), 1 + 30), (("RATE 0",), 1),
    (("x", "10", "7"), 7), (("x", "10", "-1", "false"), 0), (("DATA abcd", "BANDWIDTH 400Bps"), 1 + 1000),
    (("DATA ab", "LENGTH 100", "BANDWIDTH 8kbps"), 1 + 100), (("LIMIT 0",), 0),
])
def test_packets_in_ten_seconds(arguments, packets):
    with ElementHarness("RatedSource", *arguments) as harness:
        harness.advance(10.0000001)
        assert len(harness.outputs[0]) == packets == int(harness.read("count"))


def test_one_run_a_packet_and_one_that_finds_it_too_early():
    with ElementHarness("RatedSource", "RATE 10") as harness:
        harness.advance(100.05)
        assert len(harness.outputs[0]) == 1001
        assert harness.router.cpu.task_runs <= 2 * 1001


@given(st.integers(1, 5000), st.integers(1, 3000))
def test_packets_leave_when_they_are_due(rate, milliseconds):
    with ElementHarness("RatedSource", f"RATE {rate}", show=lambda packet: packet.timestamp) as harness:
        harness.advance(milliseconds / 1000)
        times = harness.outputs[0]
    for number, time in enumerate(times):
        due = START + number * 10**9 // rate
        assert due <= time <= due + 1000
    assert abs(len(times) - 1 - rate * milliseconds // 1000) <= 1


def test_catching_up_is_bounded():
    """After ten seconds in which nobody pulled, no more than 10 ms worth of packets are there."""
    with ElementHarness("RatedSource", "RATE 1000", pulled=True) as harness:
        assert len(harness.pull(0, 100)) == 1
        harness.advance(10)
        assert len(harness.pull(0, 100)) == 10
        assert harness.pull(0, 100) == []


def test_rate_limit_data_and_active_are_handlers():
    with ElementHarness("RatedSource", "a", "10", "LIMIT 5") as harness:
        harness.advance(10)
        assert len(harness.outputs[0]) == 5
        harness.write("limit", "6")
        harness.write("data", "bc")
        harness.advance(1)
        assert harness.outputs[0][5:] == [b"bc"]
        harness.write("limit", "-1")
        harness.write("active", "false")
        harness.advance(1)
        assert len(harness.outputs[0]) == 6
        harness.write("rate", "100")
        harness.write("active", "true")
        harness.advance(1.000001)
        assert 6 + 100 <= len(harness.outputs[0]) <= 6 + 102
        assert [harness.read(name) for name in ("rate", "limit", "active", "data", "length")] == [
            "100", "-1", "true", "bc", "2"]
        harness.write("reset")
        assert harness.read("count") == "0"


def test_stop_comes_when_the_next_packet_would_be_due():
    """The last packet still gets through the graph before the router stops."""
    with Router.from_text("""RatedSource(RATE 10, LIMIT 3, STOP true) -> Queue -> Unqueue -> c :: Counter -> Discard
                          """, simulated=START) as router:
        router.cpu.advance(START + 10**10)
        assert router.run_count == 0
        assert router.read("c.count") == "3"


def test_the_end_calls_a_handler_once():
    with Router.from_text("""s :: RatedSource(RATE 10, LIMIT 3, END_CALL p.color 9) -> p :: Paint(0) -> Discard
                          """, simulated=START) as router:
        router.cpu.advance(START + 10**10)
        assert router.read("p.color") == "9"
        router.write("p.color", "1")
        router.cpu.advance(START + 2 * 10**10)
        assert router.read("p.color") == "1"


def test_who_pulls_sleeps_between_packets():
    with Router.from_text("RatedSource(RATE 2) -> Unqueue -> c :: Counter -> Discard", simulated=START) as router:
        router.cpu.advance(START + 100 * 10**9 + 1000)
        assert router.read("c.count") == "201"
        assert router.cpu.task_runs <= 3 * 201
