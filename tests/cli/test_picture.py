"""The picture of a graph in text: every element named once, every connection an arrow, pulls dotted."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.cli.picture import picture
from netos.lang import Graph, parse_config
from netos.registry import default_registry


def drawn(text):
    """The picture of a configuration, line by line."""
    graph, diagnostics = parse_config(text, "x", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    assert not diagnostics.entries
    return picture(graph).splitlines()


def test_a_chain_is_one_line_and_pulls_are_dotted():
    assert drawn("a :: InfiniteSource -> Queue -> b :: Unqueue -> Discard;") == [
        "  a :: InfiniteSource --> Queue@2 ..> b :: Unqueue --> Discard@4"]


def test_branches_stand_below_with_their_ports():
    assert drawn("Idle -> t :: Tee -> Discard; t [1] -> n :: Null -> d :: Discard;") == [
        "  Idle@1 --> t :: Tee", "      [0]--> Discard@3", "      [1]--> n :: Null --> d :: Discard"]


def test_what_was_met_before_is_only_referred_to():
    assert drawn("a :: Idle -> c :: Counter -> Discard; b :: Idle -> c;") == [
        "  a :: Idle --> c :: Counter --> Discard@3", "  b :: Idle --> (c)"]


def test_input_ports_other_than_0_are_named():
    assert drawn("i :: Idle; i [0] -> r :: RoundRobinSched -> Discard; i [1] -> [1] r;")[-1].endswith("..> [1] (r)")


def test_what_only_a_loop_leads_to_is_drawn_all_the_same():
    assert drawn("a :: Null -> b :: Null -> a;") == ["  a :: Null --> b :: Null --> (a)"]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.data())
def test_any_graph_is_drawn_whole(count, data):
    end = st.tuples(st.integers(0, count - 1), st.integers(0, 3))
    ends = data.draw(st.lists(st.tuples(end, end), unique=True, max_size=20))
    graph = Graph()
    for index in range(count):
        graph.add(f"e{index}", "Unheard")
    for source, target in ends:
        graph.connect(*source, *target)
    text = picture(graph)
    assert sorted(re.findall(r"(e\d+) :: Unheard", text)) == sorted(f"e{index}" for index in range(count))
    assert len(re.findall(r"--> |\.\.> ", text)) == len(ends)


def test_a_long_chain_needs_no_deep_recursion():
    graph = Graph()
    for index in range(2000):
        graph.add(f"e{index}", "Null")
        if index:
            graph.connect(index - 1, 0, index, 0)
            graph.connect(index - 1, 1, index, 1)
    assert picture(graph).count(" :: Null") == 2000
