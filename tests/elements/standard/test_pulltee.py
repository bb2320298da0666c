"""PullTee, PullNull and PushNull: whatever passes, passes whole and once an output."""

import pytest

from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, run_element


def test_every_output_gets_every_packet():
    packets = [bytes([number]) for number in range(20)]
    assert run_element("PullTee", push=packets, outputs=3) == [packets] * 3
    assert run_element("PullTee", push=packets) == [packets]


def test_the_number_of_outputs_may_be_said():
    assert run_element("PullTee", "2", push=[b"x"], outputs=2) == [[b"x"], [b"x"]]
    with pytest.raises(ConfigError, match="2 outputs are connected, but N is 3"):
        ElementHarness("PullTee", "3", outputs=2)


def test_copies_do_not_share_writes():
    from netos.router import Router

    with Router.from_text("""Idle -> q :: Queue -> t :: PullTee -> Strip(1) -> Unstrip(70) -> Unqueue -> Discard;
                             t [1] -> o :: Queue -> Idle""", simulated=10**18) as router:
        router["q"].push(0, [router.packet(b"data")])
        router.cpu.advance(10**18 + 10**6)
        copy, = router["o"].pull(0, 1)
        assert bytes(copy) == b"data"
        copy.kill()


@pytest.mark.parametrize("name", ["PullNull", "PushNull"])
def test_nulls_pass_packets(name):
    assert run_element(name, push=[b"a", b"b"]) == [[b"a", b"b"]]
