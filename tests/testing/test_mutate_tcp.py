"""A mutant counts as killed only when its test was run and has failed, hung or crashed."""

import pytest

from netos.testing import mutate_tcp

MODULE = """
import os

def test_passes():
    pass

def test_fails():
    assert False

def test_crashes():
    os.abort()
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / mutate_tcp.TESTS).mkdir(parents=True)
    (tmp_path / mutate_tcp.TESTS / "test_x.py").write_text(MODULE)
    (tmp_path / mutate_tcp.TESTS / "test_y.py").write_text("import nonesuch")
    made = mutate_tcp.Tree.__new__(mutate_tcp.Tree)
    made.place = tmp_path
    return made


def test_what_a_test_says_of_a_mutant(tree):
    """A test of another name, or a module that cannot be imported, would kill every mutant."""
    assert tree.run("test_x.py", "test_passes") == "survives"
    assert tree.run("test_x.py", "test_fails") == tree.run("test_x.py", "test_crashes") == ""
    assert tree.run("test_x.py", "test_of_another_name").startswith("was not tested")
    assert tree.run("test_y.py").startswith("was not tested")


def test_words_that_no_test_has_are_told(capsys):
    """None of none would survive: a success."""
    assert mutate_tcp.main(["nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().out


@pytest.mark.skipif(not (mutate_tcp.ROOT / mutate_tcp.TESTS).is_dir(),
                    reason="mutants are made of sources, which this build lies apart from")
def test_a_mutation_that_no_longer_applies_is_an_error(monkeypatch, capsys):
    """A change of the source would quietly take its tests' proof away."""
    gone = mutate_tcp.Mutation("tcp_input.pyx", "a text that is not there", "", "tcp_input.pyx")
    monkeypatch.setattr(mutate_tcp, "guarded", lambda: iter([("test_x.py", "test_gone", gone)]))
    assert mutate_tcp.main([]) == 1
    assert "test_gone: tcp_input.pyx has 0 times 'a text that is not there'" in capsys.readouterr().out
