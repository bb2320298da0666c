"""Measure two things in turn, again and again, and compare medians: machines drift, pairs do not."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its rate, its peer's rate, the median of the ratios pair by pair."""

    name: str
    unit: str
    ours: float
    peers: float
    ratio: float
    low: float
    high: float
    peer: str
    wanted: str = ""


@dataclass(frozen=True)
class Fact:
    """A figure that needs no peer: what was measured, as text, what was wanted, and a remark."""

    name: str
    measured: str
    wanted: str = ""
    remark: str = ""


def compare(name: str, ours: Callable[[], float], peers: Callable[[], float], *, peer: str, unit: str = "Mpps",
            rounds: int = 7, wanted: str = "") -> Row:
    """Run both in turn (after one round to warm up) and return the row; both answer a rate."""
    ours()
    peers()
    return row(name, [(ours(), peers()) for _ in range(rounds)], peer=peer, unit=unit, wanted=wanted)


def row(name: str, pairs: Sequence[tuple[float, ...]], *, peer: str, unit: str = "Mpps", wanted: str = "") -> Row:
    """The row of pairs of rates, ours first."""
    ratios = sorted(mine / other for mine, other in pairs if other)
    return Row(name, unit, statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs),
               statistics.median(ratios), ratios[0], ratios[-1], peer, wanted)


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'benchmark':<42}{'netos':>10}{'peer':>10}  {'unit':<6}{'ratio':>6}  "
             f"{'(min–max)':<13}{'wanted':<22}peer"]
    for row in rows:
        lines.append(f"{row.name:<42}{row.ours:>10.3f}{row.peers:>10.3f}  {row.unit:<6}{row.ratio:>6.2f}  "
                     f"{f'({row.low:.2f}–{row.high:.2f})':<13}{row.wanted:<22}{row.peer}")
    return "\n".join(lines)


def facts_table(facts: Sequence[Fact]) -> str:
    """The facts as text."""
    return "\n".join(f"{fact.name:<54}{fact.measured:<24}{f'wanted {fact.wanted}' if fact.wanted else '':<24}"
                     f"{fact.remark}".rstrip() for fact in facts)
