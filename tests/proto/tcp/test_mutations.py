"""Every MUST of RFC 9293 has a test, and every mutation that a test names can be made (`make mutants` makes them)."""

import re
from pathlib import Path

import pytest

from netos.proto.tcp_state import diagram
from netos.testing.mutate_tcp import ROOT, TESTS, guarded, misplaced

HERE = Path(__file__).parent
# Appendix B by the numbers of shared requirements; 51 to 53 are refused (RFC 6274)
MUSTS = set(range(1, 70))


def test_every_must_has_a_test_named_for_it():
    """A requirement without a test is a wish."""
    names = [name for path in HERE.glob("test_must_*.py")
             for name in re.findall(r"def test_must_([\d_]+)", path.read_text())]
    named = {int(number) for name in names for number in name.split("_") if number}
    assert named == MUSTS


def test_the_diagram_is_drawn_from_the_table():
    """docs/tcp-states.dot, and the .svg made of it, are stale: run `make diagram`."""
    docs = HERE.parents[2] / "docs"
    if not docs.is_dir():                       # in a tree made for mutants
        return
    assert (docs / "tcp-states.dot").read_text() == diagram()
    drawn = (docs / "tcp-states.svg").read_text()
    assert drawn.count('class="edge"') == diagram().count("->")


@pytest.mark.skipif(not (ROOT / TESTS).is_dir(), reason="mutants are made of sources, which this build lies apart from")
def test_the_mutations_fit_the_code():
    """Code that has changed would otherwise be guarded by a mutation that is no longer made."""
    assert misplaced() == []
    assert len({name for _path, name, _mutation in guarded()}) > 60
