"""RoundRobinSched, PrioSched, StrideSched and PullSwitch: whose packet is next, and nobody pulls from who has none."""

from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.errors import ConfigError
from netos.pyelement import PyElement
from netos.registry import Registry
from netos.router import Router
from netos.testing.harness import START, ElementHarness, run_element

FEEDS = st.lists(st.lists(st.integers(0, 255).map(lambda number: bytes([number])), max_size=12), min_size=2, max_size=4)


@given(FEEDS)
def test_round_robin_takes_one_of_each_in_turn(feeds):
    assert run_element("RoundRobinSched", push=feeds) == [
        [packet for turn in zip_longest(*feeds) for packet in turn if packet is not None]]


@given(FEEDS)
def test_prio_takes_the_lowest_input_first(feeds):
    assert run_element("PrioSched", push=feeds) == [[packet for feed in feeds for packet in feed]]


def test_stride_shares_by_tickets():
    with ElementHarness("StrideSched", "3", "1", inputs=2) as harness:
        harness.push(0, [b"a"] * 400)
        harness.push(1, [b"b"] * 400)
        pulled = [packet for _ in range(100) for packet in harness.pull(0, 4)]
    assert abs(pulled.count(b"a") - 300) <= 1
    assert all(pulled[start:start + 4].count(b"b") == 1 for start in range(0, 400, 4))


def test_stride_passes_over_who_has_nothing_and_asks_nobody_without_tickets():
    with ElementHarness("StrideSched", "100", "1", "0", inputs=3) as harness:
        for port in (1, 2):
            harness.push(port, [bytes([port])] * 10)
        assert harness.pull(0, 20) == [b"\1"] * 10
        harness.write("config", "1, 1, 1")
        assert harness.pull(0, 20) == [b"\2"] * 10


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("1",), "need 2 arguments"), (("1", "x"), "invalid number"), (("1", "40000"), "at most 32768"),
    (("1", "-1"), "out of range")])
def test_stride_refuses(arguments, complaint):
    with pytest.raises(ConfigError, match=complaint):
        ElementHarness("StrideSched", *arguments, inputs=2)


class Watched(PyElement):
    """Counts how often it is pulled."""

    ports = "1/1"
    processing = "l/l"
    flow = "x/x"

    def configure(self):
        self.pulls = 0

    def supply(self, port):
        self.pulls += 1
        return self.input(0)


REGISTRY = Registry()
REGISTRY.register(Watched)


def router(text):
    return Router.from_text(text, simulated=START, registry=REGISTRY)


@pytest.mark.parametrize("scheduler", ["RoundRobinSched", "PrioSched", "StrideSched(1, 1)", "PullSwitch(0)"])
def test_only_active_inputs_are_pulled_and_an_idle_graph_does_not_run(scheduler):
    with router(f"""a :: Idle -> qa :: Queue -> wa :: Watched -> [0] s :: {scheduler};
                    Idle -> qb :: Queue -> wb :: Watched -> [1] s -> Unqueue -> c :: Counter -> Discard""") as graph:
        graph.cpu.advance(START + 10**9)
        idle = graph.cpu.task_runs
        graph.cpu.advance(START + 3600 * 10**9)
        assert graph.cpu.task_runs == idle <= 2
        for number in range(5):
            graph["qa"].push(0, [graph.packet(b"x") for _ in range(number)])
            graph.cpu.advance(graph.cpu.now + 10**6)
        assert graph.read("c.count") == "10"
        assert graph["wb"].pulls == 0
        assert graph["wa"].pulls <= 10 + 5 + 1
        assert graph.cpu.task_runs - idle <= 2 * 10


@pytest.mark.parametrize("scheduler", ["RoundRobinSched", "PrioSched", "StrideSched(1, 1)"])
def test_a_packet_in_either_queue_wakes_the_puller(scheduler):
    with router(f"""Idle -> q0 :: Queue -> [0] s :: {scheduler}; Idle -> q1 :: Queue -> Shaper(1000) -> [1] s;
                    s -> Unqueue -> c :: Counter -> Discard""") as graph:
        graph.cpu.advance(START + 10**9)
        for count, name in enumerate(["q1", "q0", "q1", "q1", "q0"], 1):
            graph[name].push(0, [graph.packet(b"x")])
            graph.cpu.advance(graph.cpu.now + 10**7)
            assert graph.read("c.count") == str(count)


def test_schedulers_nest():
    with router("""Idle -> q0 :: Queue -> [0] r :: RoundRobinSched; Idle -> q1 :: Queue -> [1] r;
                   r -> [0] p :: PrioSched; Idle -> q2 :: Queue -> [1] p; p -> Unqueue -> d :: Discard""") as graph:
        graph.cpu.advance(START + 10**9)
        for count, name in enumerate(["q2", "q1", "q0", "q2"], 1):
            graph[name].push(0, [graph.packet(b"x")])
            graph.cpu.advance(graph.cpu.now + 10**7)
            assert graph.read("d.count") == str(count)


def test_pull_switch_gives_what_its_input_has():
    with ElementHarness("PullSwitch", "1", inputs=2) as harness:
        for port, packets in enumerate([[b"a"], [b"b", b"c"]]):
            harness.push(port, packets)
        assert harness.pull(0, 1) + harness.pull(0, 5) == [b"b", b"c"]
        harness.write("switch", "-1")
        assert harness.pull(0, 5) == []
        harness.write("switch", "0")
        assert harness.pull(0, 5) == [b"a"]
    with pytest.raises(ConfigError, match="input must be < 2"):
        ElementHarness("PullSwitch", "2", inputs=2)


def test_pull_switch_wakes_the_puller_when_it_is_turned():
    with router("""InfiniteSource(LIMIT 5) -> Queue -> [0] s :: PullSwitch(-1);
                   InfiniteSource(LIMIT 7) -> Queue -> [1] s;
                   s -> Unqueue -> c :: Counter -> Discard""") as graph:
        for switch, count in (("-1", 0), ("1", 7), ("0", 12), ("5", 12)):
            graph.write("s.switch", switch)
            graph.cpu.advance(graph.cpu.now + 10**9)
            runs = graph.cpu.task_runs
            graph.cpu.advance(graph.cpu.now + 10**9)
            assert graph.cpu.task_runs == runs
            assert graph.read("c.count") == str(count)
        assert graph.read("s.switch") == graph.read("s.config") == "-1"
