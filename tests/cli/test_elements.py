"""netos elements and netos explain: every class can be listed and explained."""

import pytest

from netos.cli.elements import main as elements
from netos.cli.explain import explanation
from netos.cli.explain import main as explain
from netos.registry import default_registry

NAMES = default_registry.names()


def test_the_list_has_class_family_and_purpose(capfd):
    assert elements([]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert next(line.split(maxsplit=2) for line in lines if line.startswith("Counter ")) == [
        "Counter", "standard", "Pass packets unchanged, counting them."]


@pytest.mark.parametrize(("pattern", "name"), [("Count*", "Counter"), ("standard", "Counter"), ("counting", "Counter")])
def test_the_list_can_be_narrowed(capfd, pattern, name):
    assert elements([pattern]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert any(line.startswith(f"{name} ") for line in lines)
    assert len(lines) < len(NAMES)


def test_nothing_matches(capfd):
    assert elements(["nosuchthing"]) == 1


def test_an_explanation(capfd):
    assert explain(["Queue"]) == 0
    out = capfd.readouterr().out
    for expected in ("Queue([CAPACITY", "push to pull, push (h/lh)", "1 in, 1-2 out", "length (r", "reset (w)"):
        assert expected in out, expected


def test_an_unknown_class_gets_a_hint(capfd):
    assert explain(["Countr"]) == 1
    assert "did you mean 'Counter'" in capfd.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_every_class_can_be_explained(name):
    """A class without description, or whose argument types cannot be shown, fails here."""
    lines = list(explanation(default_registry.find(name)))
    assert lines[0].startswith(f"{name}(")
    assert lines[2].strip()
