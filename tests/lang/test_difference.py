"""Comparing graphs: nothing that is the same is reported, nothing that differs is missed."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from netos.lang.difference import Change, argument_changes, compare, list_changes
from netos.lang.graph import Graph

CLASSES = st.sampled_from(["Counter", "Queue", "IPFilter"])
NODES = st.lists(st.tuples(CLASSES, st.sampled_from(["", "1", "2, 3"]), st.booleans()), min_size=1, max_size=8)
LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1), st.integers(0, 7), st.integers(0, 1)), max_size=8)


def graph(nodes, links=()):
    made = Graph()
    for number, (class_name, configuration, named) in enumerate(nodes, 1):
        made.add(f"n{number}" if named else f"{class_name}@{number}", class_name, configuration)
    for source, output, target, port in links:
        made.connect(source % len(nodes), output, target % len(nodes), port)
    made.sort_connections()
    return made


def rules(class_name):
    return class_name == "IPFilter"


@given(NODES, LINKS)
def test_a_graph_does_not_differ_from_itself(nodes, links):
    assert not compare(graph(nodes, links), graph(nodes, links), rules)


@given(NODES, LINKS, NODES, LINKS)
def test_the_way_back_is_the_way_there_reversed(nodes, links, other_nodes, other_links):
    old, new = graph(nodes, links), graph(other_nodes, other_links)
    there, back = compare(old, new, rules), compare(new, old, rules)
    assert bool(there) == bool(back)
    assert len(there.added) - len(there.removed) == len(back.removed) - len(back.added)
    assert len(new.connections) - len(old.connections) == len(there.connected) - len(there.disconnected)
    assert len(new.elements) - len(old.elements) == len(there.added) - len(there.removed)


@given(NODES, LINKS, st.integers(0, 8), st.booleans())
@example([("Queue", "", False)] * 3, [], 1, False)
@settings(max_examples=300, deadline=None)
def test_one_more_element_is_all_that_is_reported(nodes, links, where, named):
    """The elements behind it get other numbers in their names; they are the same ones still."""
    where = min(where, len(nodes))
    old = graph(nodes, links)
    new = Graph()
    for number, element in enumerate([*old.elements[:where], None, *old.elements[where:]], 1):
        if element is None:
            new.add("fresh" if named else f"Fresh@{number}", "Fresh")
        else:
            new.add(element.name if "@" not in element.name else f"{element.class_name}@{number}",
                    element.class_name, element.configuration)
    for link in old.connections:
        new.connect(link.source + (link.source >= where), link.source_port,
                    link.target + (link.target >= where), link.target_port)
    difference = compare(old, new, rules)
    assert [element.class_name for element in difference.added] == ["Fresh"]
    assert difference == ([new.elements[where]], [], [], [], [])


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_rules_change_from_one_list_into_the_other(old, new):
    changes = list_changes(old, new)
    gone = {change.position: change.old for change in changes if change.old is not None}
    come = {change.position: change.new for change in changes if change.new is not None}
    kept = [rule for number, rule in enumerate(old, 1) if gone.get(number) != rule]
    assert kept == [rule for number, rule in enumerate(new, 1) if come.get(number) != rule]


def test_the_order_of_rules_counts():
    assert list_changes(["a", "b"], ["b", "a"]) == [Change(1, None, "b"), Change(2, "b", None)]


def test_the_order_of_keywords_does_not():
    assert argument_changes(["5", "A 1", "B 2"], ["5", "B 2", "A 1"]) == []
    assert argument_changes(["5", "A 1"], ["6", "A 2", "B"]) == [
        Change(1, "5", "6"), Change(None, "A 1", "A 2"), Change(None, None, "B")]
    assert argument_changes(["A 1", "A 2"], ["A 1"]) == [Change(None, "A 2", None)]


def test_another_class_and_other_compounds():
    """Elements without names are looked for in their own compound element only."""
    old, new = Graph(), Graph()
    old.add("x", "Counter")
    new.add("x", "Queue")
    old.add("a/Idle@1", "Idle")
    new.add("b/Idle@1", "Idle")
    difference = compare(old, new, rules)
    assert [(change.old.class_name, change.new.class_name) for change in difference.changed] == [("Counter", "Queue")]
    assert [element.name for element in difference.added + difference.removed] == ["b/Idle@1", "a/Idle@1"]
