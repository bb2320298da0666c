"""Boot phases are listed in order, timed by the chart's clock, and drawn on one time axis."""

from __future__ import annotations

import pytest

from netos.kernel.boot import BootChart

MS = 1_000_000


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 5 * MS

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def bars(chart: BootChart, width: int) -> dict[str, str]:
    """The bar of each line of the chart, by phase."""
    return {line.split()[0]: line.rpartition("  ")[2] for line in chart.text(width).splitlines()[:-1]}


def test_phases_are_timed_in_order_of_their_start(clock: Clock) -> None:
    chart = BootChart(clock)
    with chart.phase("arena"):
        clock.now += 2 * MS
        with chart.phase("pools"):
            clock.now += 1 * MS
    clock.now += 4 * MS
    with chart.phase("devices"):
        clock.now += 3 * MS
    spent = [(phase.name, phase.depth, phase.start, phase.end) for phase in chart.phases]
    assert spent == [("arena", 0, 5 * MS, 8 * MS), ("pools", 1, 7 * MS, 8 * MS), ("devices", 0, 12 * MS, 15 * MS)]
    assert chart.total == 10 * MS


def test_bars_share_one_axis_and_show_gaps(clock: Clock) -> None:
    chart = BootChart(clock)
    with chart.phase("first"):
        clock.now += 5 * MS
    clock.now += 5 * MS
    with chart.phase("second"):
        clock.now += 10 * MS
    width = len("second") + len(" 12345.678 ms  ") + 20
    assert bars(chart, width) == {"first": "#" * 5, "second": "." * 10 + "#" * 10}
    assert chart.text(width).splitlines()[-1].split() == ["total", "20.000", "ms"]


def test_no_line_is_wider_than_asked(clock: Clock) -> None:
    chart = BootChart(clock)
    for name in ("a", "a long name of a phase", "b"):
        with chart.phase(name):
            clock.now += 7 * MS
    assert max(map(len, chart.text(60).splitlines())) <= 60


def test_a_failed_phase_is_marked_and_its_exception_goes_on(clock: Clock) -> None:
    chart = BootChart(clock)
    with pytest.raises(KeyError), chart.phase("outer"), chart.phase("inner"):
        clock.now += MS
        raise KeyError("x")
    assert [phase.failed for phase in chart.phases] == [True, True]
    with chart.phase("after"):
        clock.now += MS
    assert chart.phases[-1].depth == 0
    assert set(bars(chart, 60)["outer"]) == {"!"}


def test_a_phase_that_still_runs_reaches_to_now(clock: Clock) -> None:
    chart = BootChart(clock)
    with chart.phase("serving"):
        clock.now += 3 * MS
        assert chart.total == 3 * MS
        assert set(bars(chart, 60)["serving"]) == {"?"}


def test_an_empty_chart_and_phases_of_no_time_can_be_printed(clock: Clock) -> None:
    chart = BootChart(clock)
    assert chart.text().split() == ["total", "0.000", "ms"]
    with chart.phase("nothing"):
        pass
    assert bars(chart, 60) == {"nothing": "#"}
