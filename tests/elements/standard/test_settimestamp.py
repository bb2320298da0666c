"""SetTimestamp: which time goes where."""

import pytest

from netos.errors import ConfigError
from netos.testing.harness import START, ElementHarness, run_element


def times(packet):
    return packet.timestamp, int.from_bytes(packet.annotation(32, 8), "little")


def stamped(router):
    packet = router.packet(b"x")
    packet.timestamp = 5_000_000_000
    packet.set_annotation(32, (2_000_000_000).to_bytes(8, "little"))
    return packet


def test_a_given_time():
    assert run_element("SetTimestamp", "1.5", push=[stamped], show=times) == [[(1_500_000_000, 2_000_000_000)]]
    assert run_element("SetTimestamp", "1.5", "FIRST true", push=[stamped], show=times) == [
        [(5_000_000_000, 1_500_000_000)]]


def test_the_difference():
    assert run_element("SetTimestamp", "DELTA true", push=[stamped], show=times) == [[(3_000_000_000, 2_000_000_000)]]


def test_now():
    with ElementHarness("SetTimestamp", show=times) as harness:
        harness.advance(2)
        harness.push(0, [stamped])
    (timestamp, first), = harness.outputs[0]
    assert timestamp == pytest.approx(START + 2 * 10**9, abs=10)
    assert first == 2_000_000_000


@pytest.mark.parametrize("arguments", [("1", "DELTA true"), ("DELTA true", "FIRST true")])
def test_contradictions_are_refused(arguments):
    with pytest.raises(ConfigError, match="DELTA"):
        ElementHarness("SetTimestamp", *arguments)
