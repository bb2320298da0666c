"""Any text yields a graph and diagnostics: never an exception, never an endless loop."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netos.lang import render, render_click, unparse

TOKENS = ["->", "=>", "::", "||", "...", "{", "}", "(", ")", "[", "]", ",", ";", "|", "$a", "$", "0", "1", "2-3", "a",
          "input", "output", "Idle", "Queue", "Null", "Tee", "Nil", "elementclass", "require", "define", "provide",
          "library", "package", "KEY", "__REST__", "'", '"', "\\<", ">", "/*", "*/", "//", "\n", "\r", "\n#",
          '# 3 "f"\n', "b", "a/b", "a/", "-", "=", "\0", "\xff", "${a-1}", "define($a 1)", "C",
          "elementclass C {", "x :: Idle;"]
VALID = """require(package userlevel)
define($rate 10, $burst "a b")
// comment
elementclass Gate { -> Null -> }
elementclass Gate { $a, KEY $k, __REST__ $rest |
  input -> c :: Counter -> Paint($a, $k, "$rest") -> output; /* more */
  input [1] => ( [0] -> Null -> [0] ) => Discard
|| -> Queue -> Unqueue($rate) -> || ... }
# 12 "other.click"
s, t :: Idle(1, '2', "\\x33", \\<44 45>);
s -> g :: Gate(1, KEY 2, 3, 4) -> Discard; t -> [1] g;
Idle[0-2] => Null, Null, { -> x :: Null -> } => d :: Idle;
d[0,1] => [] e :: Idle; ( Idle -> output ) -> Discard;
"""


def survives(read, text: str) -> None:
    """Read, check, print and render, in both forms; the flat form of a good configuration reads back to itself."""
    result = read(text, "/nonexistent/config")
    render(result.entries(), result.graph.source_lines)
    render_click(result.entries())
    for entry in result.diagnostics.errors:
        assert entry.message
        assert entry.location.line >= 0
    if not result.diagnostics.has_errors:
        again = read(unparse(result.graph), "/nonexistent/flat")
        assert unparse(again.graph) == unparse(result.graph)


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_token_soup(read, text: str) -> None:
    survives(read, text)


@given(st.text(st.characters(max_codepoint=255), max_size=60))
@settings(deadline=None)
def test_random_bytes(read, text: str) -> None:
    survives(read, text)


@given(st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), st.sampled_from(["", *TOKENS])), max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutations_of_a_valid_configuration(read, edits: list[tuple[int, int, str]]) -> None:
    text = VALID
    for position, length, replacement in edits:
        text = text[:position] + replacement + text[position + length:]
    survives(read, text)


def test_the_valid_configuration_is_valid(read) -> None:
    assert read(VALID).diagnostics.errors == []


@pytest.mark.parametrize("unit", ["{", "(", "[", "}", ")", "]", "a(", "C { ", "( -> ", "-> ", "=> ", ", ", "a, ", ":: ",
                                  "|| ", "{ || ", "elementclass C { ", "'", '"', "/*", "\\<", "$", "# 1\n", "\n#x",
                                  "[0-", "define($x ", "require(", "...", "{ ... || "])
def test_long_repetitions(read, unit: str) -> None:
    survives(read, unit * 1500)
    survives(read, "a :: Idle" + unit * 1500 + "Idle")


def test_endless_variables_end(read) -> None:
    values = ", ".join(f"${name} {f'${following}' * 10}" for name, following in zip("abcdef", "bcdefa"))
    assert len(read(f"define({values}) x :: Idle($a)").configuration("x")) < 20_000_000


def test_long_chains_of_classes_do_not_recurse(read) -> None:
    classes = "".join(f"elementclass C{n + 1} {{ -> C{n} -> }}\n" for n in range(1200))
    result = read(f"elementclass C0 {{ -> Null -> }}\n{classes} Idle -> C1200 -> Discard")
    assert (result.complaints(), len(result.connections())) == ([], 2)


def test_long_port_lists_are_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netos.lang.stream.MAX_PORTS", 100)
    text = "x :: Idle; " + "x[0-9] -> Discard; " * 20
    assert any("more than 100 ports" in message for message in read(text).complaints())


def test_too_many_connections_are_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netos.lang.reader.MAX_LINKS", 100)
    text = "x :: Idle; " + "x[0-9] -> Discard; " * 20
    assert "more than 100 connections" in read(text).complaints()


CONFIGURATIONS = sorted((Path(__file__).parents[2] / "configs").glob("*.click"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_configurations_we_ship_are_well_formed(read, path: Path) -> None:
    errors = read(path.read_bytes().decode("latin-1"), str(path)).diagnostics.errors
    assert [error for error in errors if "syntax" in error.message] == []
