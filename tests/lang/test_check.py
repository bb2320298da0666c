"""Ports, push and pull, completeness: section 7."""

import pytest

from netos.errors import Location
from netos.lang import ClassInfo, Graph, check_graph


def letters(result, name: str) -> str:
    """The letters of an element's inputs and outputs."""
    element = result.checked.elements[result.names().index(name)]
    return f"{element.inputs}/{element.outputs}"


def test_agnostic_ports_take_what_they_are_connected_to(read) -> None:
    result = read("Source -> a :: Null -> b :: Null -> q :: Queue -> c :: Null -> d :: Null -> Unqueue -> Discard")
    assert result.complaints() == []
    assert [letters(result, name) for name in "abqcd"] == ["h/h", "h/h", "h/l", "l/l", "l/l"]


def test_processing_spreads_against_the_order_of_the_text(read) -> None:
    result = read("c, b, a :: Null; s :: Sink; c -> s; b -> c; a -> b; q :: Queue; q -> a; Source -> q")
    assert result.complaints() == []
    assert [letters(result, name) for name in "abc"] == ["l/l", "l/l", "l/l"]


def test_unresolved_agnostic_ports_push(read) -> None:
    result = read("i :: Idle -> n :: Null -> d :: Discard")
    assert [letters(result, name) for name in "ind"] == ["/h", "h/h", "h/"]


def test_push_does_not_meet_pull(read) -> None:
    errors = read("a :: Source -> b :: Sink").checked.diagnostics.errors
    assert [error.message for error in errors] == ["'a :: Source' push output 0 connected to 'b :: Sink' pull input 0"]
    assert errors[0].location == Location("config", 1, 1)
    assert read("Source -> q :: Queue -> r :: Tee -> Discard").complaints() == [
        "'q :: Queue' pull output 0 connected to 'r :: Tee' push input 0"]


def test_an_agnostic_element_is_push_or_pull_but_not_both(read) -> None:
    assert read("Source -> x :: Null -> Sink").complaints() == [
        "agnostic 'x :: Null' in mixed context: push input 0, pull output 0"]
    assert read("Source -> Queue -> x :: Null -> Tee -> Discard").complaints() == [
        "agnostic 'x :: Null' in mixed context: pull input 0, push output 0"]


def test_only_ports_that_packets_flow_between_are_linked(read) -> None:
    result = read("Source -> x :: Bypass; Source -> Queue -> [1] x; x -> Discard; x[1] -> Sink")
    assert result.complaints() == []
    assert letters(result, "x") == "hl/hl"
    assert read("Source -> i :: Idle -> Sink").complaints() == []


def test_declared_letters_bind_only_their_port(read) -> None:
    result = read("Source -> Queue -> c :: CheckIPHeader -> Sink; c[1] -> Discard")
    assert (result.complaints(), letters(result, "c")) == ([], "l/lh")


@pytest.mark.parametrize(("text", "messages"), [
    ("x :: Null", ["'x :: Null' input 0 unused", "'x :: Null' output 0 unused"]),
    ("Source -> x :: ARPQuerier -> Discard", ["'x :: ARPQuerier' input 1 unused"]),
    ("Source -> x :: Tee; x[2] -> Discard", ["'x :: Tee' output 0 unused", "'x :: Tee' output 1 unused"]),
    ("Source -> x :: Null -> Discard; x[3] -> Discard", ["'x :: Null' has no output 3"]),
    ("Source -> Discard; Idle -> [2] d :: Discard; Source -> d", ["'d :: Discard' has no input 2"]),
    ("x :: Source; x -> Discard; x -> Discard", ["illegal reuse of 'x :: Source' push output 0"]),
    ("x :: Sink; Source -> q :: Queue -> x; Source -> r :: Queue -> x", ["illegal reuse of 'x :: Sink' pull input 0"]),
])
def test_ports_exist_and_are_used_once(read, text: str, messages: list[str]) -> None:
    assert read(text).complaints() == messages


def test_push_inputs_and_pull_outputs_are_shared(read) -> None:
    assert read("d :: Discard; Source, Source -> d").complaints() == []
    assert read("a, b :: Sink; Source -> q :: Queue; q -> a, b").complaints() == []


def test_errors_of_reading_do_not_cascade(read) -> None:
    assert read("Source -> Nill -> Discard; Source -> x").complaints() == [
        "undeclared element 'Nill'", "undeclared element 'x'"]
    assert read("Source -> % Discard").complaints() == ["syntax error near '%'"]


def test_errors_of_reading_do_not_hide_errors_of_checking(read) -> None:
    assert read("x :: Nill; a :: Source -> b :: Sink").complaints() == [
        "unknown element class 'Nill'", "'a :: Source' push output 0 connected to 'b :: Sink' pull input 0"]


def test_unused_ports_are_found_beside_errors_that_lose_no_connection(read) -> None:
    assert read("x :: Nill; Source -> y; n :: Null -> Discard").complaints() == [
        "unknown element class 'Nill'", "undeclared element 'y'", "'n :: Null' input 0 unused"]
    assert read("x :: { -> Null -> Null -> }; n :: Null -> Discard; Source -> x").complaints() == [
        "'x' output 0 unused", "'n :: Null' input 0 unused"]
    assert read("x :: { Source -> output }; x[1] -> Discard; x -> Discard").complaints() == ["'x' has no output 1"]


def test_a_graph_made_without_text_is_checked_too() -> None:
    graph = Graph()
    source, sink = graph.add("s", "Source"), graph.add("d", "Nothing")
    graph.connect(source, 0, sink, 0)
    graph.sort_connections()
    checked = check_graph(graph, {"Source": ClassInfo("0/1", "h/h", "x/x")}.get)
    assert [entry.message for entry in checked.diagnostics] == ["unknown element class 'Nothing'"]


def test_a_class_with_bad_codes_is_named() -> None:
    graph = Graph()
    graph.add("s", "Odd")
    for info in ClassInfo("!", "a", "x/x"), ClassInfo("0", "q", "x/x"), ClassInfo("0", "a", "x"):
        checked = check_graph(graph, {"Odd": info}.get)
        assert checked.diagnostics.errors[0].message.startswith("'s :: Odd': bad ")


def test_graphs_know_their_elements_by_name() -> None:
    graph = Graph()
    assert [graph.add(name, "Idle") for name in "ab"] == [0, 1]
    assert (graph.index("a"), graph.index("b"), graph.index("c")) == (0, 1, None)
