"""AverageCounter: rates run from the first packet to the last."""

import pytest

from netos.testing.harness import ElementHarness


def test_rate_over_the_time_from_first_to_last_packet():
    with ElementHarness("AverageCounter") as harness:
        for _ in range(11):
            harness.push(0, [bytes(100)])
            harness.advance(0.1)
        harness.advance(100)
        assert harness.read("count") == "11"
        assert harness.read("byte_count") == "1100"
        assert float(harness.read("rate")) == pytest.approx(11, rel=1e-6)
        assert float(harness.read("byte_rate")) == pytest.approx(1100, rel=1e-6)
        harness.write("reset")
        assert [harness.read(name) for name in ("count", "byte_count", "rate")] == ["0", "0", "0"]


def test_the_first_seconds_can_be_ignored():
    with ElementHarness("AverageCounter", "2") as harness:
        for _ in range(41):
            harness.push(0, [bytes(10)])
            harness.advance(0.1)
        assert harness.read("count") == "21"
        assert float(harness.read("rate")) == pytest.approx(10.5, rel=1e-3)
    assert len(harness.outputs[0]) == 41
