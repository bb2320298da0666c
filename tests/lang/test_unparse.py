"""Unparse: Click's flat form, which reads back to itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.lang import Graph, unparse


def test_the_flat_form(read) -> None:
    text = ("require(userlevel) c :: Classifier(12/0806, -); Idle -> c -> Paint(1) -> d :: Discard;"
            "c[1] -> [0] Tee -> [1] x :: Idle; x[2] -> d")
    assert read(text).text == """require(package userlevel);

c :: Classifier(12/0806, -);
Idle@2 :: Idle;
Paint@3 :: Paint(1);
d :: Discard;
Tee@5 :: Tee;
x :: Idle;

Idle@2 -> c
    -> Paint@3
    -> d;
x [2] -> d;
c [1] -> Tee@5
    -> [1] x;
"""


def test_the_empty_form(read) -> None:
    assert read("").text == ""
    assert read("Idle").text == "Idle@1 :: Idle;\n\n"


@pytest.mark.parametrize(("text", "connections"), [
    ("a, b :: Null; a -> b -> a", "b -> a\n    -> b;\n"),
    ("a :: Null; a -> a", "a -> a;\n"),
    ("a, b :: Idle; a -> b; a -> a", "a -> a\n    -> b;\n"),
    ("t :: Tee; a, b :: Discard; Idle -> t -> a; t[1] -> b; t -> b",
     "Idle@4 -> t\n    -> a;\nt -> b;\nt [1] -> b;\n"),
    ("a, b, c :: Idle; a -> b; b -> [1] c; b -> [2] c", "a -> b\n    -> [2] c;\nb -> [1] c;\n"),
])
def test_chains(read, text: str, connections: str) -> None:
    assert read(text).text.partition("\n\n")[2] == connections


ELEMENTS = ["Idle", "c :: { -> Null -> }", "Paint($x)", "( -> Null -> )", "Queue(5)", "a", "{ [0] -> Tee -> [0] }", "C"]


@given(st.lists(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5), max_size=4))
def test_the_flat_form_reads_back_to_itself(read, chains: list[list[str]]) -> None:
    text = "a :: Null; elementclass C { -> x :: Paint(1) -> }" + ";".join(" -> ".join(chain) for chain in chains)
    flat = read(text).text
    assert read(flat).text == flat


@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 4), st.integers(0, 2))))
def test_no_connection_is_lost(read, links: set[tuple[int, int, int, int]]) -> None:
    graph = Graph()
    for number in range(5):
        graph.add(f"e{number}", "Idle")
    for link in links:
        graph.connect(*link)
    graph.sort_connections()
    again = read(unparse(graph)).graph
    assert {(c.source, c.source_port, c.target, c.target_port) for c in again.connections} == links
    assert unparse(again) == unparse(graph)
