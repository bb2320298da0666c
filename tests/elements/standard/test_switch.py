"""Switch, StaticSwitch and RoundRobinSwitch: each packet goes out once, where it is told to."""

import pytest

from netos.errors import ConfigError, HandlerError
from netos.testing.harness import ElementHarness, run_element


@pytest.mark.parametrize("name", ["Switch", "StaticSwitch"])
def test_packets_go_to_one_output(name):
    assert run_element(name, "1", push=[b"a", b"b"], outputs=3) == [[], [b"a", b"b"], []]
    assert run_element(name, "-1", push=[b"a"], outputs=3, drops={"inactive": 1}) == [[], [], []]


@pytest.mark.parametrize("name", ["Switch", "StaticSwitch"])
def test_an_output_that_is_not_there_is_refused(name):
    with pytest.raises(ConfigError, match="output must be < 2"):
        ElementHarness(name, "2", outputs=2)


def test_switch_at_run_time():
    with ElementHarness("Switch", outputs=2) as harness:
        for value, shown in (("0", "0"), ("1", "1"), ("2", "-1"), ("-5", "-1")):
            harness.write("switch", value)
            assert harness.read("switch") == harness.read("config") == shown
            harness.push(0, [value.encode()])
        with pytest.raises(HandlerError):
            harness.write("switch", "left")
        harness.write("config", "1")
        harness.push(0, [b"last"])
        assert harness.outputs == [[b"0"], [b"1", b"last"]]


def test_round_robin_deals_out_in_turn_across_batches():
    packets = [bytes([number]) for number in range(10)]
    assert run_element("RoundRobinSwitch", push=packets, outputs=3) == [packets[0::3], packets[1::3], packets[2::3]]
    assert run_element("RoundRobinSwitch", push=packets, outputs=1) == [packets]


@pytest.mark.parametrize("name", ["Switch", "RoundRobinSwitch", "PaintSwitch", "PaintTee"])
def test_a_loop_ends_in_drops_and_not_in_a_crash(name):
    from netos.router import Router

    arguments = "0" if name == "PaintTee" else ""
    back = "[1]" if name == "PaintTee" else ""
    rest = "l[0] -> Discard;" if name == "PaintTee" else ""
    with Router.from_text(f"Idle -> l :: {name}({arguments}); l {back} -> Null -> l; {rest}",
                          simulated=10**18) as router:
        router["l"].push(0, [router.packet(b"x")])
        assert 1 <= sum(reasons["loop"] for reasons in router.drops.values()) <= 2    # a tee may lose both at the limit
        balance = router.cpu.balance
    assert balance["held"] == 0
