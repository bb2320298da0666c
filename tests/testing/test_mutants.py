"""Mutated configurations reloaded into running appliances disturb nothing; ten thousand take a command of their own."""

from random import Random

import pytest

from netos.testing.mutants import CONFIGS, TRAFFIC, run
from netos.testing.mutations import WAYS, mutated, pieces


@pytest.mark.parametrize(("threaded", "count"), [(False, 300), (True, 120)], ids=["inline", "threaded"])
def test_no_mutant_disturbs_what_runs(threaded, count):
    reports = run(count, seed=7, threaded=threaded)
    assert set(reports) == set(TRAFFIC) == {file.name for file in CONFIGS.glob("*.click")}
    totals = [sum(getattr(report, kind) for report in reports.values()) for kind in ("refused", "accepted", "same")]
    assert sum(totals) == count
    assert all(totals), "mutations should be of every kind: else the oracle sleeps"


def test_the_same_seed_gives_the_same_mutants():
    """Else a finding could not be repeated."""
    text = (CONFIGS / "router.click").read_text()
    assert [mutated(text, Random(5)) for _ in range(2)] == [mutated(text, Random(5))] * 2
    assert mutated(text, Random(5)) != mutated(text, Random(6))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_changes_any_text(way):
    """The empty text included, and texts without what it looks for."""
    random = Random(1)
    for text in ("a :: Counter(1) -> b;", "x", " ", "Idle -> Discard; // 1"):
        assert "".join(pieces(text)) == text
        assert any(way(text, random) != text for _ in range(30))
