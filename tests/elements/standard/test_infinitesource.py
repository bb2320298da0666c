"""InfiniteSource: limits, bursts, and an end that comes after the last packet has gone its way."""

import pytest

from netos.router import Router
from netos.testing.harness import START, ElementHarness


@pytest.mark.parametrize("burst", [1, 3, 10, 1000])
@pytest.mark.parametrize("pulled", [False, True])
def test_limit(burst, pulled):
    with ElementHarness("InfiniteSource", "ab", "10", str(burst), pulled=pulled) as harness:
        harness.advance(1)
        harness.drain()
        assert harness.outputs == [[b"ab"] * 10]
        assert harness.read("count") == "10"


@pytest.mark.parametrize(("data", "length", "made"), [("abc", 7, b"abcabca"), ("abc", 2, b"ab"), ('""', 3, bytes(3))])
def test_length_repeats_or_cuts_the_data(data, length, made):
    with ElementHarness("InfiniteSource", data, "1", f"LENGTH {length}") as harness:
        harness.advance(1)
        assert harness.outputs == [[made]]


@pytest.mark.parametrize("path", ["-> Queue -> Unqueue", "-> Unqueue"])
def test_stop_lets_the_last_packet_through(path):
    with Router.from_text(f"InfiniteSource(LIMIT 5, STOP true) {path} -> c :: Counter -> Discard",
                          simulated=START) as router:
        router.cpu.advance(START + 10**9)
        assert router.run_count == 0
        assert router.read("c.count") == "5"


def test_the_end_calls_a_handler_and_reset_begins_anew():
    with Router.from_text("""s :: InfiniteSource(LIMIT 3, END_CALL p.color 9) -> p :: Paint(0) -> c :: Counter
                             -> Discard""", simulated=START) as router:
        router.cpu.advance(START + 10**6)
        assert (router.read("p.color"), router.read("c.count")) == ("9", "3")
        router.write("p.color", "1")
        router.write("s.reset")
        router.cpu.advance(START + 2 * 10**6)
        assert (router.read("p.color"), router.read("c.count")) == ("9", "6")


def test_nothing_to_make_still_stops():
    with Router.from_text("InfiniteSource(LIMIT 0, STOP true) -> Discard", simulated=START) as router:
        router.cpu.advance(START + 10**6)
        assert router.run_count == 0


def test_it_can_be_switched_off_and_on():
    with ElementHarness("InfiniteSource", "x", "4", "ACTIVE false") as harness:
        harness.advance(1)
        assert harness.outputs == [[]]
        harness.write("active", "true")
        harness.advance(1)
        assert harness.outputs == [[b"x"] * 4]
