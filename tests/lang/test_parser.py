"""Syntax: statements of section 2, and where Click says 'syntax error'."""

import pytest

from netos.lang.parser import MAX_DEPTH


@pytest.mark.parametrize("text", [
    "a :: Idle; b :: Discard; a -> b;",
    "a :: Idle b :: Discard a -> b",
    ";;a :: Idle;;b :: Discard; a -> b;",
    "a :: Idle -> b :: Discard",
    "elementclass C { Idle -> Discard } a :: Idle define($x 1) b :: Discard require(click) a -> b",
])
def test_semicolons_are_optional(read, text: str) -> None:
    result = read(text)
    assert result.complaints() == []
    assert "a[0]->[0]b" in result.connections()


@pytest.mark.parametrize(("text", "configuration", "class_name"), [
    ("x :: Null(a, b)", "a, b", "Null"),
    ("x :: Null", "", "Null"),
    ("x :: Null ( a )", " a ", "Null"),
    ("x :: Null()", "", "Null"),
])
def test_declarations(read, text: str, configuration: str, class_name: str) -> None:
    result = read(f"{text}; Idle -> x -> Discard")
    assert result.complaints() == []
    assert (result.configuration("x"), result.class_of("x")) == (configuration, class_name)


def test_a_class_is_spread_over_the_bare_names_of_a_declaration(read) -> None:
    result = read("a, b, c :: Idle(5)")
    assert result.complaints() == []
    assert result.text == "a :: Idle(5);\nb :: Idle(5);\nc :: Idle(5);\n\n"


def test_a_class_is_not_spread_in_a_connection_or_with_ports(read) -> None:
    assert read("Idle => a, b :: Null -> Discard").complaints()[0] == "undeclared element 'a'"
    assert "undeclared element 'a'" in read("a [0], b :: Idle").complaints()


def test_a_spread_compound_is_one_class(read) -> None:
    result = read("a, b :: { Idle -> Discard }")
    assert result.complaints() == []
    assert result.names() == ["a/Idle@1", "a/Discard@2", "b/Idle@1", "b/Discard@2"]


def test_declarations_inside_connections(read) -> None:
    result = read("a :: Idle -> b :: Paint(1) -> Paint(2) -> c :: Discard")
    assert result.names() == ["a", "b", "Paint@3", "c"]
    assert result.connections() == ["a[0]->[0]b", "b[0]->[0]Paint@3", "Paint@3[0]->[0]c"]


def test_ports_of_connections(read) -> None:
    result = read("a, c :: Idle; x :: Idle; a [1] -> [2] x; a[0] -> [1]x[2] -> c; a -> x")
    assert result.connections() == ["x[2]->[0]c", "a[0]->[0]x", "a[0]->[1]x", "a[1]->[2]x"]


@pytest.mark.parametrize(("text", "message", "column"), [
    ("-> Null", "syntax error near '->'", 1),
    ("=> Null", "syntax error near '=>'", 1),
    ("Idle ->", "syntax error near 'end of file'", 8),
    ("Idle -> ;", "syntax error near ';'", 9),
    ("Idle -> -> Discard", "syntax error near '->'", 9),
    ("a :: ;", "syntax error near ';'", 6),
    ("a :: (Null)", "syntax error near '('", 6),
    (":: Null", "syntax error near '::'", 1),
    ("a :: Idle :: Idle", "syntax error near '::'", 11),
    ("Idle, ", "syntax error near 'end of file'", 7),
    ("}", "syntax error near '}'", 1),
    (")", "syntax error near ')'", 1),
    ("||", "syntax error near '||'", 1),
    ("...", "syntax error near '...'", 1),
    ("$x -> Discard", "syntax error near '$x'", 1),
    ("Idle %", "syntax error near '%'", 6),
    ("elementclass", "expected element type name", 13),
    ("elementclass C", "syntax error near 'end of file'", 15),
    ("elementclass C;", "syntax error near ';'", 15),
    ("require", "syntax error near 'end of file'", 8),
    ("define x", "syntax error near 'x'", 8),
    ("Idle [1", "syntax error: expected ',' or ']' in port list", 8),
    ("Idle [x]", "syntax error: port number should be integer", 7),
    ("Idle [->]", "syntax error: expected port number", 7),
    ("Idle [0-]", "syntax error: expected port number", 9),
    ("Idle [2-1]", "syntax error: port range 2-1 runs backwards", 9),
    ("Idle [0,,1]", "syntax error: expected port number", 9),
    ("Idle [99999]", "port number 99999 out of range, bound 65535", 7),
    ("[0];", "stranded port ignored", 4),
    ("{ Idle -> Discard", "syntax error near 'end of file', expected '}'", 1),
    ("( Idle -> Discard", "syntax error near 'end of file', expected ')'", 1),
    ("{ Idle -> Discard )}", "syntax error near ')'", 19),
    ("{ Idle, -> Discard }", "syntax error near ','", 7),
    ("C :: { ... }", "'...' should occur last, after one or more compounds", 8),
    ("C :: { Idle || ... || Idle }", "'...' should occur last, after one or more compounds", 16),
    ("{ $a $b | Idle($a) }", "expected ',' or '|'", 6),
    ("{ $a, Idle }(1)", "expected variable", 7),
])
def test_syntax_errors_say_where(read, text: str, message: str, column: int) -> None:
    found = [(entry.message, entry.location.column) for entry in read(text).diagnostics.errors]
    assert (message, column) in found


def test_all_errors_of_a_configuration_come_in_one_run(read) -> None:
    result = read("a :: Ide;\n%\nb -> Discard;\n{ c :: Nul; }\nx :: Idle(\n'a')]\nNull -> Discard;")
    assert [(entry.message, entry.location.line) for entry in result.diagnostics.errors] == [
        ("unknown element class 'Ide'", 1), ("syntax error near '%'", 2), ("undeclared element 'b'", 3),
        ("unknown element class 'Nul'", 4), ("syntax error near ']'", 6)]


@pytest.mark.parametrize(("text", "count"), [
    ("Tee[0,1,2] => [0]", 3), ("Tee[0-2] => [0]", 3), ("Tee[0, 2-3, 1] => [0]", 4), ("Tee[0x1,0] => [0]", 2),
    ("Tee[0,1,] => [0]", 2), ("Tee[] => [0]", 1),
])
def test_port_lists(read, text: str, count: int) -> None:
    text = text.replace("[0]", ", ".join(["Discard"] * count))
    result = read("Idle -> " + text)
    assert result.complaints() == []
    assert len(result.connections()) == count + 1


@pytest.mark.parametrize("block", ["{}", "()"])
def test_nesting_has_a_limit(read, block: str) -> None:
    opening, closing = block
    assert read(opening * MAX_DEPTH + "Idle" + closing * MAX_DEPTH).complaints() == []
    deep = read(opening * (MAX_DEPTH + 1) + "Idle" + closing * (MAX_DEPTH + 1) + "; Idl :: Idl")
    assert deep.complaints()[:2] == ["syntax error: blocks nested more than 50 deep", "unknown element class 'Idl'"]


def test_stranded_and_ignored_ports(read) -> None:
    assert read("Idle -> Discard [0]").complaints() == ["output ports ignored at end of chain"]
    assert read("[0] Idle -> Discard").complaints() == ["input ports ignored at start of chain"]
    assert read("{ Idle -> Discard; [0]; }").complaints() == ["stranded port ignored"]


def test_errors_have_columns_and_lengths(read) -> None:
    error = read("x :: Idle;\n  x -> Discrad").diagnostics.errors[0]
    assert (error.location.line, error.location.column, error.length) == (2, 8, len("Discrad"))
    assert error.hints == ("did you mean 'Discard'?",)
