"""Times are integer nanoseconds, bandwidths bytes a second, read exactly with Click's units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.args import Bandwidth, GraphScope, NameDatabase, Rate, Seconds, Timestamp
from netos.errors import ArgumentError

S = 10 ** 9


@pytest.mark.parametrize(("text", "nanoseconds"), [
    ("0", 0), ("1", S), ("1.5", S * 3 // 2), (".25", S // 4), ("1e-3", S // 1000), ("5s", 5 * S), ("5 sec", 5 * S),
    ("5ms", 5_000_000), ("5msec", 5_000_000), ("2us", 2000), ("2 usec", 2000), ("7ns", 7), ("7nsec", 7),
    ("1m", 60 * S), ("1.5min", 90 * S), ("2h", 7200 * S), ("2hr", 7200 * S), ("1d", 86400 * S), ("1 day", 86400 * S),
    ("0.1", S // 10), ("0.123456789", 123456789), ("1.0000000005", S + 1), ("1_000ms", S)])
def test_times(text, nanoseconds):
    assert Seconds().parse(text) == nanoseconds
    assert Timestamp().parse(text) == nanoseconds


@pytest.mark.parametrize("text", [
    "", "s", "ms", "5x", "5 m s", "5 kmin", "mmin", "5mmin", "1:30", "five", "5s 3", "5S"])
def test_what_is_no_time(text):
    with pytest.raises(ArgumentError, match=r"parse error: .*is not a time"):
        Seconds().parse(text)


def test_only_timestamps_may_be_negative():
    assert Timestamp().parse("-1.5") == -S * 3 // 2
    with pytest.raises(ArgumentError, match="out of range, bound 0s"):
        Seconds().parse("-1.5")


def test_seconds_have_bounds():
    with pytest.raises(ArgumentError, match="out of range, bound 10ms"):
        Seconds(minimum=10_000_000).parse("9ms")
    with pytest.raises(ArgumentError, match="out of range, bound 1s"):
        Seconds(maximum=S).parse("1.1s")
    with pytest.raises(ArgumentError, match="out of range"):
        Seconds().parse("1e18")


@given(st.integers(0, (1 << 63) - 1))
def test_seconds_read_back(value):
    assert Seconds().parse(Seconds().unparse(value)) == value


@given(st.integers(-1 << 63, (1 << 63) - 1))
def test_timestamps_read_back_with_nine_digits(value):
    text = Timestamp().unparse(value)
    assert Timestamp().parse(text) == value
    assert len(text.partition(".")[2]) == 9


def test_seconds_are_written_in_the_largest_unit_that_fits():
    assert [Seconds().unparse(value) for value in (0, 2 * S, 5_000_000, 2000, 1_000_000_001)] == [
        "0s", "2s", "5ms", "2us", "1000000001ns"]


@pytest.mark.parametrize(("text", "rate"), [
    ("1000", 1000), ("1.5", 2), ("8bps", 1), ("384kbps", 48000), ("384 Kbps", 48000), ("1Mbps", 125000),
    ("1Gbps", 125_000_000), ("10Gb/s", 1_250_000_000), ("5Bps", 5), ("5 kB/s", 5000), ("1.5MBps", 1_500_000),
    ("1GB/s", 10 ** 9), ("9600baud", 1200), ("56kbaud", 7000), ("3bps", 0), ("4bps", 1), ("12.5kBps", 12500)])
def test_bandwidths(text, rate):
    assert Bandwidth().parse(text) == rate


@pytest.mark.parametrize("text", ["", "kbps", "5k", "5 mbps", "5TBps", "5B", "5 B / s", "5kpps", "x", "5/s"])
def test_what_is_no_bandwidth(text):
    with pytest.raises(ArgumentError, match=r"parse error: .*is not a bandwidth"):
        Bandwidth().parse(text)


def test_bandwidths_have_bounds():
    with pytest.raises(ArgumentError, match="out of range, bound 0"):
        Bandwidth().parse("-1")
    with pytest.raises(ArgumentError, match="out of range, bound 1000000"):
        Bandwidth(maximum=1_000_000).parse("1GBps")


def test_a_bandwidth_without_unit_draws_a_warning_where_wanted():
    warnings = []
    scope = GraphScope(NameDatabase(), {}, warn=warnings.append)
    assert Bandwidth().parse("1000", scope) == Bandwidth(warn=True).parse("1000Bps", scope) == 1000
    assert warnings == []
    assert Bandwidth(warn=True).parse("1000", scope) == 1000
    assert len(warnings) == 1


@given(st.integers(0, (1 << 63) - 1), st.sampled_from([1, 1000, 10 ** 6, 10 ** 9]))
def test_bandwidths_read_back(number, unit):
    value = number // unit * unit
    assert Bandwidth().parse(Bandwidth().unparse(value)) == value


def test_rates_are_whole_numbers_with_a_prefix():
    assert [Rate().parse(text) for text in ("10", "1.5M", "10kpps", "2 pps")] == [10, 1_500_000, 10_000, 2]
    for text in ("10bps", "x", ""):
        with pytest.raises(ArgumentError, match="invalid number"):
            Rate().parse(text)
