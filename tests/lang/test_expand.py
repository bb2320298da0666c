"""Compounds: scopes, formals, overloads and the order of the flat graph (section 2)."""

import pytest


def test_components_are_named_after_their_compound(read) -> None:
    result = read("elementclass C { -> q :: Queue -> Unqueue -> } Idle -> c :: C -> C -> { -> Null -> } -> Discard")
    assert result.complaints() == []
    assert result.names() == ["Idle@1", "Discard@5", "c/q", "c/Unqueue@2", "C@3/q", "C@3/Unqueue@2", "@4/Null@1"]
    assert result.connections() == [
        "@4/Null@1[0]->[0]Discard@5", "Idle@1[0]->[0]c/q", "c/q[0]->[0]c/Unqueue@2", "c/Unqueue@2[0]->[0]C@3/q",
        "C@3/q[0]->[0]C@3/Unqueue@2", "C@3/Unqueue@2[0]->[0]@4/Null@1"]


def test_compounds_are_expanded_after_their_parents_elements(read) -> None:
    result = read("a :: { x :: { deep :: Idle } y :: Idle } b :: Idle; c :: { z :: Idle } d :: Idle")
    assert result.names() == ["b", "d", "a/y", "a/x/deep", "c/z"]


def test_connections_are_sorted_by_input_then_output(read) -> None:
    result = read("a, b, c :: Idle; c -> [1]a; b[1] -> a; b -> a; a[1] -> [1]c; a -> c")
    assert result.connections() == ["b[0]->[0]a", "b[1]->[0]a", "c[0]->[1]a", "a[0]->[0]c", "a[1]->[1]c"]


def test_connections_go_through_any_number_of_tunnels(read) -> None:
    result = read("a :: Idle -> { -> { -> { -> b :: Null -> } -> } -> } -> { -> } -> c :: Discard")
    assert result.complaints() == []
    assert len(result.connections()) == 2
    fan = read("a, b :: Idle; x, y :: Discard; a, b -> { -> } -> x, y")
    assert fan.connections() == ["a[0]->[0]x", "b[0]->[0]x", "a[0]->[0]y", "b[0]->[0]y"]


def test_tunnels_that_lead_nowhere_end(read) -> None:
    assert read("x :: { -> }; x -> x").connections() == []
    assert read("x :: { -> }; y :: { -> } -> x -> y; Idle -> x").complaints() == []


def test_positional_and_keyword_parameters(read) -> None:
    definition = "elementclass C { $a, $b, KEY $k, __REST__ $r | x :: Idle($a; $b; $k; $r) } "
    for arguments, configuration in [
        ("1, 2, KEY 3", "1; 2; 3; "), ("KEY 3, 1, 2", "1; 2; 3; "), ("1, 2, KEY 3, 4, X 5", "1; 2; 3; 4, X 5"),
        ("1, KEY 0, 2, KEY 3 4", "1; 2; 3 4; "), ("src port 80, , KEY 3", "src port 80; ; 3; "),
    ]:
        result = read(f"{definition} c :: C({arguments})")
        assert (result.complaints(), result.configuration("c/x")) == ([], configuration)
    for arguments in "", "1, 2", "1, KEY 3", "1, 2, KEY":
        assert "no match for 'C" in read(f"{definition} C({arguments})").complaints()[0]


@pytest.mark.parametrize(("formals", "arguments", "fits"), [
    ("|", "", True), ("", "", True), ("|", "1", False), ("$a |", "1", True), ("$a |", "1, 2", False),
    ("$a |", "", False), ("__REST__ $a |", "", True), ("__REST__ $a |", "1, K 2", True), ("K $a |", "K 1", True),
    ("K $a |", "1", False), ("K $a |", "K 1, 2", False), ("$x, K $a |", "K 1", False),
])
def test_arguments_fit_the_parameters(read, formals: str, arguments: str, fits: bool) -> None:
    assert (read(f"{{ {formals} Idle }} ({arguments})").complaints() == []) is fits


@pytest.mark.parametrize("formals", ["K $k, $a", "__REST__ $r, $a", "__REST__ $r, K $k"])
def test_parameters_are_in_order(read, formals: str) -> None:
    assert "compound element parameters out of order" in read(f"{{ {formals} | Idle }}").complaints()


def test_parameters_do_not_repeat(read) -> None:
    assert "repeated keyword parameter 'K' in compound element" in read("{ K $a, K $b | Idle }").complaints()
    assert "parameter '$a' multiply defined" in read("{ $a, K $a | Idle }").complaints()
    assert "parameter '$a' multiply defined" in read("{ $a | define($a 1) Idle }(2)").complaints()


def test_arguments_mean_what_they_mean_outside(read) -> None:
    result = read("define($x out) elementclass C { $x | a :: Idle($x) } c :: C(<$x>); d :: C($y)")
    assert (result.configuration("c/a"), result.configuration("d/a")) == ("<out>", "$y")


def test_variables_are_lexically_scoped(read) -> None:
    result = read("define($v top) elementclass C { a :: Idle($v, $w) } "
                  "x :: { define($v inner, $w hidden) C; b :: Idle($v) { d :: Idle($v) } }")
    assert result.configuration("x/C@1/a") == "top, $w"
    assert result.configuration("x/b") == "inner"
    assert result.configuration("x/@3/d") == "inner"


def test_inner_classes_see_the_variables_of_the_instance_around_them(read) -> None:
    result = read("elementclass C { $x | elementclass D { $y | a :: Idle($x $y) } d :: D(2) } c :: C(1); e :: C(7)")
    assert (result.configuration("c/d/a"), result.configuration("e/d/a")) == ("1 2", "7 2")


OVERLOADED = """elementclass F { one :: Idle; -> Discard || $a | two :: Idle($a); -> Discard
  || $a | -> Null -> || -> t :: Tee; t[0-1] => [0-1] } """


@pytest.mark.parametrize(("use", "component"), [
    ("Idle -> f :: F", "f/one"), ("Idle -> f :: F(5)", "f/two"), ("Idle -> f :: F(5) -> Discard", "f/Null@1"),
    ("Idle -> f :: F => Discard, Discard", "f/t"),
])
def test_the_first_overload_that_fits_is_taken(read, use: str, component: str) -> None:
    result = read(OVERLOADED + use)
    assert result.complaints() == []
    assert next(name for name in result.names() if name.startswith("f/")) == component


def test_overloads_that_do_not_fit_are_listed(read) -> None:
    result = read(OVERLOADED + "f :: F(1); Idle -> f => Discard, Discard")
    error = result.diagnostics.errors[0]
    assert error.message == "no match for 'F[1 argument, 1 input, 2 outputs]'"
    assert error.notes == ("candidates are:", "  config:1: 'F[1 input, 0 outputs]'",
                           "  config:1: 'F(<arg>)[1 input, 0 outputs]'", "  config:1: 'F(<arg>)[1 input, 1 output]'",
                           "  config:1: 'F[1 input, 2 outputs]'")
    assert len(result.complaints()) == 1


def test_signatures_show_keywords_and_rest(read) -> None:
    error = read("{ $a, KEY $k, __REST__ $r | Idle }(1)").diagnostics.errors[0]
    assert error.message == "no match for '<anonymous>[1 argument, 0 inputs, 0 outputs]'"
    assert error.notes[1].endswith("'<anonymous>(<arg>, KEY, ...)[0 inputs, 0 outputs]'")


def test_dots_extend_the_earlier_class(read) -> None:
    result = read("elementclass Queue { $a, $b | -> Null -> || ... } Idle -> a :: Queue(1, 2) -> Unqueue -> Discard;"
                  "Idle -> b :: Queue(5) -> Unqueue -> Discard")
    assert (result.names()[1], result.class_of("b"), result.configuration("b")) == ("Unqueue@3", "Queue", "5")
    assert result.names()[4] == "b"
    assert "a/Null@1" in result.names()
    twice = read("elementclass F { $a | x :: Idle } elementclass F { $a, $b | y :: Idle || ... } "
                 "f :: F(1); g :: F(1, 2)")
    assert (twice.complaints(), twice.names()) == ([], ["f/x", "g/y"])


def test_dots_need_something_to_extend(read) -> None:
    assert read("elementclass F { $a | Idle || ... }").complaints() == ["cannot extend unknown element class 'F'"]


@pytest.mark.parametrize(("text", "messages"), [
    ("x :: { -> Discard }", ["'x' input 0 unused"]),
    ("x :: { input[0-1] => Discard, Discard }; Idle -> x", ["'x' input 1 unused"]),
    ("x :: { -> Null -> }; Idle -> x; x[2] -> Discard; x -> Discard", ["'x' has no output 2"]),
    ("x :: { Idle -> output }", ["'x' output 0 unused"]),
    ("y :: { x :: { -> Discard } }", ["'y/x' input 0 unused"]),
    ("x :: { Idle }; Idle -> [3] x", ["'x' has no input 3"]),
])
def test_compounds_are_connected_as_they_are_inside(read, text: str, messages: list[str]) -> None:
    assert read(text).complaints() == messages


def test_two_elements_cannot_share_a_flat_name(read) -> None:
    assert read("a/b :: Idle; a :: { b :: Idle }").complaints() == ["redeclaration of element 'a/b'"]


BOMB = "elementclass C0 { $a | x :: Idle($a) }" + "".join(
    f"elementclass C{n + 1} {{ $a | C{n}($a$a) C{n}($a$a) }}" for n in range(30))


def test_compounds_that_multiply_text_without_bounds_are_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netos.lang.expand.MAX_CHARACTERS", 5_000)
    assert read(BOMB + "C30(123456789)").complaints() == ["configuration strings and names grow beyond all bounds"]


def test_compounds_that_multiply_elements_without_bounds_are_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netos.lang.expand.MAX_INSTANCES", 100)
    assert read(BOMB.replace("$a$a", "$a") + "C30(1)").complaints() == ["more than 100 elements"]


def test_paths_that_multiply_without_bounds_are_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netos.lang.tunnels.MAX_STEPS", 1_000)
    tunnels = "".join(f"c{n} :: {{ -> }}; " for n in range(100)) + " -> ".join(f"c{n}" for n in range(100))
    assert read(tunnels + " -> Discard; x :: Idle; x[0-49] -> c0").complaints() == [
        "compound elements multiply connections beyond all bounds"]
