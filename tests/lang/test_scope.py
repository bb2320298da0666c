"""Names, classes and pseudo-elements of section 2, resolved in reading order."""

from itertools import pairwise

import pytest


def test_anonymous_elements_are_numbered_by_their_place(read) -> None:
    assert read("Idle -> q :: Queue -> Unqueue -> Discard").names() == ["Idle@1", "q", "Unqueue@3", "Discard@4"]
    assert read("c :: { a :: Idle -> Null -> output } -> Discard").names() == ["Discard@2", "c/a", "c/Null@2"]


def test_a_group_uses_three_numbers(read) -> None:
    assert read("Idle -> ( -> ) -> Paint(1) -> Discard").names() == ["Idle@1", "Paint@5", "Discard@6"]
    assert read("( -> )").names() == []


def test_anonymous_names_avoid_declared_ones(read) -> None:
    assert read("Idle -> Discard; Discard@2 :: Idle; Discard@3 :: Idle").names() == [
        "Idle@1", "Discard@4", "Discard@2", "Discard@3"]


def test_anonymous_compounds_have_only_a_number(read) -> None:
    assert read("Idle -> { -> Null -> } -> Discard").names() == ["Idle@1", "Discard@3", "@2/Null@1"]


def test_synonyms_name_anonymous_elements(read) -> None:
    result = read("elementclass Trash Discard; Idle -> Trash")
    assert (result.names(), result.class_of("Trash@2")) == (["Idle@1", "Trash@2"], "Discard")


def test_undeclared_names(read) -> None:
    result = read("Idle -> x -> y; x -> y; Idle -> Discart(1)")
    assert result.complaints() == ["undeclared element 'x'", "undeclared element 'y'",
                                   "undeclared element 'Discart' (unknown element class 'Discart')"]
    assert result.diagnostics.errors[2].hints == ("did you mean 'Discard'?",)


def test_names_are_declared_before_they_are_used(read) -> None:
    errors = read("Idle -> x\nx :: Discard\nIdle -> x").diagnostics.errors
    assert [error.message for error in errors] == ["undeclared element 'x'"]
    assert errors[0].hints == ("'x' is declared only later, at config:2:1: declare it first",)


def test_names_are_case_sensitive(read) -> None:
    error = read("Idle -> discard").diagnostics.errors[0]
    assert (error.message, error.hints) == ("undeclared element 'discard'", ("did you mean 'Discard'?",))


@pytest.mark.parametrize("text", ["x :: Nil", "elementclass C Nil", "elementclass C { x :: Nil }"])
def test_unknown_classes(read, text: str) -> None:
    assert read(text).complaints() == ["unknown element class 'Nil'"]


def test_did_you_mean_knows_the_configurations_own_classes(read) -> None:
    error = read("elementclass Splitter { Idle } x :: Spliter").diagnostics.errors[0]
    assert error.hints == ("did you mean 'Splitter'?",)


def test_class_names_are_no_element_names(read) -> None:
    assert read("Idle :: Discard; Idle -> Idle").complaints()[0] == "class 'Idle' used as element name"
    assert read("elementclass A { Idle } A :: Idle").complaints() == ["class 'A' used as element name"]


def test_redeclarations_show_both_places(read) -> None:
    result = read("x :: Idle;\n x :: Discard;")
    assert [(entry.severity, entry.message, str(entry.location)) for entry in result.diagnostics] == [
        ("error", "redeclaration of element 'x'", "config:2:2"),
        ("note", "element 'x' previously declared here", "config:1:1")]
    assert read("x :: Idle -> x :: Discard").complaints() == ["redeclaration of element 'x'"]


def test_an_element_is_configured_once(read) -> None:
    assert read("x :: Idle; x(5) -> Discard").complaints() == ["element 'x' is configured again"]


def test_repeated_connections_are_harmless(read) -> None:
    result = read("a :: Idle; b :: Discard; a -> b; a -> b; a -> b")
    assert (result.complaints(), result.connections()) == ([], ["a[0]->[0]b"])


@pytest.mark.parametrize("text", [
    "{ input -> Null -> output }", "{ -> Null -> }", "{ [0] -> Null -> [0] }", "{ -> }", "{->}", "{ [0] -> [0] }",
    "( input -> Null -> output )", "( -> Null -> )", "( -> )", "( [0] -> [0] )", "{ input => output }",
    "{ => Null => }", "( -> { -> } -> )", "{ ->; }",
])
def test_implicit_input_and_output(read, text: str) -> None:
    result = read(f"a :: Idle; a -> {text} -> b :: Discard")
    assert result.complaints() + result.complaints("warning") == []
    nulls = [name for name in result.names() if "Null" in name]
    steps = ["a", *nulls, "b"]
    assert sorted(result.connections()) == sorted(f"{x}[0]->[0]{y}" for x, y in pairwise(steps))


def test_implicit_ports_stand_at_the_ends_only(read) -> None:
    assert read("Idle -> { -> -> Null -> } -> Discard").complaints()[0] == (
        "implicit ports used in the middle of a chain")
    assert read("Idle -> { input -> [0] -> Null -> } -> Discard").complaints()[0] == (
        "implicit ports used in the middle of a chain")


def test_a_bare_arrow_after_another_statement_is_suspicious(read) -> None:
    result = read("Idle -> { a :: Discard; -> a }")
    assert result.complaints("warning") == ["suggest 'input ->' or '[0] ->' to start connection"]
    assert read("Idle => { a :: Discard; => a }").complaints("warning") == [
        "suggest 'input =>' or '[0] =>' to start connection"]
    assert read("Idle -> { a :: Discard; [0] -> a }").complaints("warning") == []


@pytest.mark.parametrize(("text", "message"), [
    ("elementclass X { Idle -> input }", "'X' pseudoelement 'input' may only be used as output"),
    ("elementclass X { output -> Discard }", "'X' pseudoelement 'output' may only be used as input"),
    ("elementclass X { input[1] -> Discard }", "'X' input 0 missing"),
    ("elementclass X { input[0], input[2] -> Discard }", "'X' input 1 missing"),
    ("elementclass X { Idle -> [1] output }", "'X' output 0 missing"),
    ("{ input[1] -> Discard }", "'<anonymous>' input 0 missing"),
    ("( input[1] -> Discard )", "'<group>' input 0 missing"),
    ("( Idle -> input )", "'<group>' pseudoelement 'input' may only be used as output"),
])
def test_pseudo_elements_are_used_the_right_way_and_without_gaps(read, text: str, message: str) -> None:
    assert message in read(text).complaints()


def test_input_is_an_ordinary_name_at_the_top(read) -> None:
    assert read("input -> Discard").complaints() == ["undeclared element 'input'"]
    result = read("input :: Idle; Idle -> ( input -> Discard ); input -> d :: Discard")
    assert (result.complaints(), result.connections()[1]) == ([], "input[0]->[0]d")


def test_what_a_group_has_inside_is_used_outside(read) -> None:
    assert read("( input -> Discard )").complaints() == ["'<group>' input 0 unused"]
    assert read("( Idle -> output )").complaints() == ["'<group>' output 0 unused"]
    assert read("Idle -> [1] ( -> Discard )").complaints() == ["'<group>' input 0 unused", "'<group>' has no input 1"]


def test_groups_share_the_scope_around_them(read) -> None:
    result = read("Idle -> ( -> n :: Null ); n -> Discard")
    assert (result.complaints(), result.names()) == ([], ["Idle@1", "n", "Discard@6"])
    assert read("( elementclass C { Idle } ); C").complaints() == []


def test_groups_bring_their_ports(read) -> None:
    result = read("c :: Classifier; Idle -> c => ( [0] -> Paint(1) -> [1]; [1] -> Paint(2) -> [0] ) => Null, Null => "
                  "a :: Discard, b :: Discard")
    assert result.complaints() == []
    assert result.connections()[:3] == ["Idle@2[0]->[0]c", "c[0]->[0]Paint@6", "c[1]->[0]Paint@7"]
    assert read("Idle -> ( Idle -> Discard )").complaints() == [
        "connection mismatch: 1 outputs connected to 0 inputs"]


def test_classes_are_lexically_scoped(read) -> None:
    assert read("{ elementclass C { Idle } C }; x :: C").complaints() == ["unknown element class 'C'"]
    assert read("elementclass C { Idle } { x :: C }; { { x :: C } }").complaints() == []
    assert read("x :: C; elementclass C { Idle }").complaints() == ["unknown element class 'C'"]


def test_a_class_does_not_contain_itself(read) -> None:
    assert read("elementclass C { x :: C }").complaints() == ["unknown element class 'C'"]
    result = read("elementclass Queue { -> q :: Queue -> Unqueue -> } Idle -> x :: Queue -> Discard")
    assert (result.complaints(), result.class_of("x/q")) == ([], "Queue")


def test_a_class_can_be_defined_again(read) -> None:
    result = read("elementclass C { a :: Idle } x :: C; elementclass C { b :: Idle } y :: C")
    assert (result.complaints(), result.names()) == ([], ["x/a", "y/b"])
