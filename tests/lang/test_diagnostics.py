"""Renderings: netos's with caret and hint, Click's plain lines."""

from netos.errors import Diagnostic, Location
from netos.lang import render, render_click
from netos.lang.sources import SourceLines


def test_a_caret_points_at_the_text(read) -> None:
    result = read("x :: Idle;\n\tx -> Discrad;", "f.click")
    assert render(result.diagnostics, result.graph.source_lines) == (
        "f.click:2:7: error: undeclared element 'Discrad'\n"
        "    \tx -> Discrad;\n"
        "    \t     ^~~~~~~\n"
        "  hint: did you mean 'Discard'?\n")


def test_notes_and_warnings_are_named(read) -> None:
    result = read("x :: Idle; x :: Idle; { x :: Idle; -> x }")
    text = render(result.diagnostics, result.graph.source_lines)
    assert "config:1:1: note: element 'x' previously declared here\n    x :: Idle; x" in text
    assert "config:1:36: warning: suggest 'input ->' or '[0] ->' to start connection\n" in text


def test_click_lines(read) -> None:
    result = read("x :: Idle;\nx :: Idle; { x :: Idle; -> x }\ny :: {}(1)")
    assert render_click(result.diagnostics) == (
        "config:2: redeclaration of element 'x'\n"
        "config:1: element 'x' previously declared here\n"
        "config:2: warning: suggest 'input ->' or '[0] ->' to start connection\n"
        "config:2: '@2' input 0 unused\n"
        "config:3: no match for '<anonymous>[1 argument, 0 inputs, 0 outputs]'\n"
        "  candidates are:\n"
        "    config:3: '<anonymous>[0 inputs, 0 outputs]'\n")


def test_click_lines_share_their_context() -> None:
    at = Location("f", 3, 1)
    context = "While configuring 'x :: X':"
    entries = [Diagnostic("error", "A: parse error", at, context=context),
               Diagnostic("warning", "B: deprecated", at, context=context),
               Diagnostic("error", "C: parse error", Location("f", 4, 1), context="While configuring 'y :: X':")]
    assert render_click(entries) == (
        "f:3: While configuring 'x :: X':\n  A: parse error\n  warning: B: deprecated\n"
        "f:4: While configuring 'y :: X':\n  C: parse error\n")
    assert render(entries[:1], SourceLines()) == "f:3:1: error: While configuring 'x :: X': A: parse error\n"


def test_long_lines_are_cut_to_what_matters() -> None:
    sources = SourceLines()
    sources.add("a" * 500 + "HERE" + "b" * 500, "f")
    lines = render([Diagnostic("error", "m", Location("f", 1, 501), 4)], sources).splitlines()
    assert max(map(len, lines)) < 170
    assert lines[1][lines[2].index("^"):].startswith("HERE")
    assert lines[2].endswith("^~~~")


def test_control_characters_do_not_reach_the_terminal() -> None:
    sources = SourceLines()
    sources.add("\x1b[2J\x07x", "f")
    text = render([Diagnostic("error", "near '\x1b'", Location("f", 1, 6))], sources)
    assert "\x1b" not in text
    assert text.splitlines()[1:] == ["    ?[2J?x", "         ^"]


def test_columns_count_bytes_but_carets_count_characters(read) -> None:
    result = read("x :: Idle; /* é */ x -> Discrad;".encode().decode("latin-1"), "f")
    assert render(result.diagnostics, result.graph.source_lines).splitlines()[:3] == [
        "f:1:26: error: undeclared element 'Discrad'", "    x :: Idle; /* é */ x -> Discrad;",
        "    " + " " * 24 + "^~~~~~~"]


def test_lines_that_are_not_known_are_left_out() -> None:
    for location in Location("other", 1, 1), Location("f", 9, 1), Location("f", 1, 9), Location("f"):
        sources = SourceLines()
        sources.add("x", "f")
        assert render([Diagnostic("error", "m", location)], sources) == f"{location}: error: m\n"


def test_lines_are_found_behind_line_directives(read) -> None:
    result = read('# 10 "g"\nx;\n# 1 ""\ny;', "f")
    text = render(result.diagnostics, result.graph.source_lines)
    assert text == ("g:10:1: error: undeclared element 'x'\n    x;\n    ^\n"
                    "f:1:1: error: undeclared element 'y'\n    y;\n    ^\n")


def test_what_messages_quote_is_readable() -> None:
    """Configurations are bytes, most likely UTF-8: nobody knows their zwÃ¶lf."""
    at = Location("f", 1, 1)
    quoted = [Diagnostic("error", "no 'zwölf'".encode().decode("latin-1"), at, 1, ("'…' stays",))]
    assert render(quoted, SourceLines()) == "f:1:1: error: no 'zwölf'\n  hint: '…' stays\n"
