"""Shaper and BandwidthShaper: never more than the rate, never idle while they need not be, asleep in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START, ElementHarness


def run(text, seconds):
    router = Router.from_text(text, simulated=START).initialize()
    router.cpu.advance(START + round(seconds * 1e9) + 1000)
    return router


def finish(router):
    router.close()
    assert router.cpu.balance["held"] == 0


SHAPED = """InfiniteSource(LIMIT 900, BURST 900, DATA {data}) -> q :: Queue -> s :: {shaper} -> Unqueue -> c :: Counter
            -> Discard"""


@pytest.mark.parametrize(("shaper", "seconds", "packets"), [
    ("Shaper(10)", 10, 101), ("Shaper(1)", 5, 6), ("Shaper(7)", 10, 71), ("Shaper(1000)", 0.5, 501),
    ("Shaper(0)", 9, 0),
    ("BandwidthShaper(100Bps)", 10, 101), ("BandwidthShaper(800bps)", 10, 101), ("BandwidthShaper(0)", 10, 0),
    ("BandwidthShaper(1kBps)", 1, 101),
])
def test_rate_with_a_full_queue(shaper, seconds, packets):
    router = run(SHAPED.format(data="0123456789", shaper=shaper), seconds)
    assert router.read("c.count") == str(packets)
    finish(router)


def test_no_task_runs_between_packets():
    router = run(SHAPED.format(data="x", shaper="Shaper(2)"), 0.1)
    runs = router.cpu.task_runs
    router.cpu.advance(START + 400_000_000)
    assert router.cpu.task_runs == runs
    router.cpu.advance(START + 100_100_000_000)
    assert router.read("c.count") == "201"
    assert router.cpu.task_runs - runs <= 2 * 200
    finish(router)


def test_no_task_runs_once_the_queue_is_empty():
    router = run("InfiniteSource(LIMIT 5, BURST 5) -> Queue -> Shaper(10) -> Unqueue -> c :: Counter -> Discard", 2)
    assert router.read("c.count") == "5"
    runs = router.cpu.task_runs
    router.cpu.advance(START + 3600 * 10**9)
    assert router.cpu.task_runs == runs
    finish(router)


def test_a_packet_after_a_pause_goes_at_once_and_wakes_the_puller():
    router = run("TimedSource(1) -> Queue -> Shaper(100) -> Unqueue -> c :: Counter -> Discard", 10.0001)
    assert router.read("c.count") == "10"
    finish(router)


def test_a_packet_that_comes_while_the_shaper_refuses_goes_when_it_may():
    router = run("i :: Idle -> q :: Queue -> Shaper(1) -> Unqueue -> c :: Counter -> Discard", 0)
    for milliseconds, count in ((0, 1), (100, 1), (999, 1), (1001, 2), (2500, 3), (2600, 3), (3600, 4)):
        router.cpu.advance(START + milliseconds * 10**6 + 5000)
        if milliseconds in (0, 100, 2500, 2600):
            router["q"].push(0, [router.packet(b"x")])
            router.cpu.advance(START + milliseconds * 10**6 + 10000)
        assert router.read("c.count") == str(count), milliseconds
    finish(router)


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=60), st.integers(100, 100_000))
def test_bandwidth_is_never_exceeded_nor_wasted(lengths, rate):
    """Each packet leaves when the bytes before it are paid for, within what may be made up for."""
    with ElementHarness("BandwidthShaper", f"{rate}Bps", show=len) as harness:
        harness.push(0, [bytes(length) for length in lengths])
        start, sent = harness.router.cpu.now + 1, lengths[0]
        assert harness.pull() == [lengths[0]]
        for length in lengths[1:]:
            due = start + sent * 10**9 // rate
            if harness.router.cpu.now < due - 1000:
                assert harness.pull() == []
            harness.advance(max(due + 1000 - harness.router.cpu.now, 0) / 1e9)
            assert harness.pull() == [length]
            sent += length


def test_rate_and_reset_are_handlers():
    router = run(SHAPED.format(data="x", shaper="Shaper(1)"), 0.5)
    router.write("s.rate", "10")
    assert (router.read("s.rate"), router.read("s.config")) == ("10", "10")
    router.cpu.advance(START + 1_500_000_000)
    assert 1 + 9 <= int(router.read("c.count")) <= 1 + 11
    router.write("s.rate", "0")
    count = int(router.read("c.count"))
    router.cpu.advance(START + 5_000_000_000)
    assert int(router.read("c.count")) == count
    router.write("s.config", "1")
    router.cpu.advance(START + 5_000_001_000)
    router.write("s.reset")
    router.cpu.advance(START + 5_000_002_000)
    assert count < int(router.read("c.count")) <= count + 2
    finish(router)


def test_two_outputs_share_the_rate():
    router = run("""InfiniteSource(LIMIT 900, BURST 900) -> Queue -> s :: Shaper(10) -> Unqueue -> a :: Counter
                    -> Discard;
                    s [1] -> Unqueue -> b :: Counter -> Discard""", 10)
    assert int(router.read("a.count")) + int(router.read("b.count")) == 101
    finish(router)


def test_bandwidth_without_a_unit_draws_a_warning():
    router = run("Idle -> Queue -> b :: BandwidthShaper(1000) -> Discard", 0)
    assert [entry.severity for entry in router.diagnostics] == ["warning"]
    assert router.read("b.rate") == "1kBps"
    finish(router)


@pytest.mark.parametrize("text", ["Shaper", "Shaper(x)", "Shaper(-1)", "BandwidthShaper", "BandwidthShaper(3 ells)"])
def test_bad_rates_are_refused(text):
    with pytest.raises(ConfigError, match="RATE"):
        Router.from_text(f"Idle -> Queue -> {text} -> Discard")
