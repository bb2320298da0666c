"""netos graph: every element and connection is drawn once, whatever the names, and no line runs through a box."""

import random
import re
import time
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.cli.configuration import UsageError
from netos.cli.graph import main
from netos.cli.graph_dot import dot
from netos.cli.graph_svg import svg
from netos.cli.layout import lay_out
from netos.lang import CheckedElement, Graph

SVG = "{http://www.w3.org/2000/svg}"
CONFIGURATION = """
define($RATE 10)
pair :: { input -> strip :: Strip(14) -> queue :: Queue -> output };
source :: RatedSource(RATE $RATE) -> pair -> pull :: Unqueue -> sort :: Classifier(12/0800, -);
sort [0] -> Discard; sort [1] -> Null -> [0] pair;
"""


def made(names, connections, configuration=""):
    """A graph of Counters with these names, and its ports, all push."""
    graph = Graph()
    for name in names:
        graph.add(name, "Counter", configuration)
    for connection in connections:
        graph.connect(*connection)
    graph.sort_connections()
    ports = [CheckedElement("h" * max((c.target_port + 1 for c in graph.connections if c.target == index), default=0),
                            "h" * max((c.source_port + 1 for c in graph.connections if c.source == index), default=0))
             for index in range(len(names))]
    return graph, ports, [True] * len(names)


def run(capsysbinary, tmp_path, text, *options):
    """Run the verb on a text: exit status, output, errors."""
    file = tmp_path / "test.click"
    file.write_text(text)
    status = main([str(file), *options])
    captured = capsysbinary.readouterr()
    return status, captured.out.decode(), captured.err.decode()


def titles(document, kind):
    """The tooltips of the drawing's parts of one class."""
    root = ElementTree.fromstring(document)
    return [part.find(f"{SVG}title").text for part in root.iter() if kind in part.get("class", "").split()]


def test_everything_is_drawn_once(capsysbinary, tmp_path):
    status, document, errors = run(capsysbinary, tmp_path, CONFIGURATION)
    assert (status, errors) == (0, "")
    assert sorted(titles(document, "element")) == [
        "Discard@5 :: Discard()", "Null@6 :: Null()", "pair/queue :: Queue()", "pair/strip :: Strip(14)",
        "pull :: Unqueue()", "sort :: Classifier(12/0800, -)", "source :: RatedSource(RATE 10)"]
    assert titles(document, "compound") == ["pair"]
    assert sorted(titles(document, "connection")) == [
        "Null@6 [0] -> [0] pair/strip (push)", "pair/queue [0] -> [0] pull (pull)",
        "pair/strip [0] -> [0] pair/queue (push)", "pull [0] -> [0] sort (push)", "sort [0] -> [0] Discard@5 (push)",
        "sort [1] -> [0] Null@6 (push)", "source [0] -> [0] pair/strip (push)"]
    assert titles(document, "pull") == ["pair/queue [0] -> [0] pull (pull)"]


def test_variables_come_from_the_command_line(capsysbinary, tmp_path):
    _, document, _ = run(capsysbinary, tmp_path, CONFIGURATION, "RATE=77")
    assert "source :: RatedSource(RATE 77)" in titles(document, "element")


def test_dot_has_clusters_dashed_pulls_and_ports(capsysbinary, tmp_path):
    status, document, _ = run(capsysbinary, tmp_path, CONFIGURATION, "--format", "dot")
    assert status == 0
    nodes = {name: int(number) for number, name in re.findall(r'n(\d+) \[label="(\w+)@?\d*\\n', document)}
    assert nodes.keys() == {"source", "strip", "queue", "pull", "sort", "Discard", "Null"}
    cluster = document[document.index("subgraph"):document.index("  }")]
    assert [f"n{nodes[name]} [" in cluster for name in ("strip", "queue", "pull")] == [True, True, False]
    assert f'n{nodes["queue"]} -> n{nodes["pull"]} [style="dashed"];' in document
    assert f'n{nodes["sort"]} -> n{nodes["Null"]} [taillabel="1"];' in document
    assert document.count("->") == 7


@pytest.mark.parametrize(("suffix", "begin"),
                         [("svg", "<?xml"), ("dot", "digraph"), ("gv", "digraph"), ("txt", "  source")])
def test_the_suffix_of_the_output_names_the_format(capsysbinary, tmp_path, suffix, begin):
    output = tmp_path / f"picture.{suffix}"
    assert run(capsysbinary, tmp_path, CONFIGURATION, "-o", str(output))[:2] == (0, "")
    assert output.read_text().startswith(begin)


def test_an_output_that_cannot_be_written_is_the_users_error(capsysbinary, tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        run(capsysbinary, tmp_path, CONFIGURATION, "-o", str(tmp_path / "missing" / "picture.svg"))


def test_unknown_classes_are_drawn_and_complained_about(capsysbinary, tmp_path):
    status, document, errors = run(capsysbinary, tmp_path, "Idle -> x :: Nonsense(1) -> Discard; y :: Rubbish;")
    assert status == 3
    assert "test.click:1:14: error: unknown element class 'Nonsense'" in errors
    assert "unknown element class 'Rubbish'" in errors
    assert [title.split("\n")[0] for title in titles(document, "unknown")] == ["x :: Nonsense(1)", "y :: Rubbish()"]
    assert len(titles(document, "connection")) == 2


@pytest.mark.parametrize("form", ["svg", "dot", "text"])
def test_a_configuration_that_cannot_be_read_to_its_end_is_drawn_as_far_as_it_goes(capsysbinary, tmp_path, form):
    status, document, errors = run(capsysbinary, tmp_path, "a :: Idle -> b :: Discard; } ->", "--format", form)
    assert status == 3
    assert "error" in errors
    assert "Discard" in document


HOSTILE = ['<b>&"\'', "a\\nb", '"]; bad [label="x', "\0\x1b[31m\n\t\x7f", "]]>--", "caf\xc3\xa9", "\xff\xfe",
           "/", "//x/", ""]


def test_hostile_names_and_configurations_stay_text():
    graph, ports, known = made(HOSTILE, [(index, 0, index + 1, 0) for index in range(len(HOSTILE) - 1)],
                               '</title><script>alert("&amp;")</script>\0\r\n\\" ]; x -> y')
    root = ElementTree.fromstring(svg(graph, ports, known))
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= {
        "svg", "style", "defs", "marker", "path", "rect", "g", "title", "text"}
    shown = [part.find(f"{SVG}title").text for part in root.iter() if part.get("class") == "element"]
    assert shown[0].startswith('<b>&"\' :: Counter(</title><script>alert("&amp;")</script>␀␍\n\\" ]; x -> y)')
    assert shown[5].startswith("café :: ")
    document = dot(graph, ports, known)
    statement = r'(?:\w+ )?(?:"(?:[^"\\]|\\.)*"|[^"])*'
    assert all(re.fullmatch(statement, line) for line in document.splitlines())
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', document)
    assert outside.count("->") == len(HOSTILE) - 1
    assert "script" not in outside
    assert all(character.isprintable() or character == "\n" for character in document)


def test_a_long_configuration_does_not_make_a_wide_box():
    graph, ports, known = made(["x"], [], "1.2.3.4/32 0, " * 100_000)
    document = svg(graph, ports, known)
    assert float(ElementTree.fromstring(document).get("width")) < 300
    assert len(document) < 10_000


@st.composite
def graphs(draw):
    """Graphs with compounds, cycles and lone elements; each push output connected at most once or more often."""
    count = draw(st.integers(1, 14))
    names = [draw(st.sampled_from(["", "a/", "a/b/", "c/"])) + f"e{index}" for index in range(count)]
    end = st.tuples(st.integers(0, count - 1), st.integers(0, 2))
    connections = draw(st.lists(st.tuples(end, end).map(lambda ends: (*ends[0], *ends[1])), max_size=24))
    return made(names, connections)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_are_clear_of_each_other_and_lines_of_boxes(drawn):
    graph, ports, _ = drawn
    layout = lay_out(graph, [(40 + 7 * (index % 5), 24 + 5 * (index % 3)) for index in range(len(ports))],
                     [(len(checked.inputs), len(checked.outputs)) for checked in ports])
    boxes = layout.elements
    for index, box in enumerate(boxes):
        assert box.x >= -0.01
        assert box.x + box.width <= layout.width + 0.01
        assert box.y + box.height <= layout.height + 0.01
        for other in boxes[:index]:
            assert (box.x + box.width <= other.x or other.x + other.width <= box.x
                    or box.y + box.height <= other.y or other.y + other.height <= box.y)
    for compound in layout.compounds:
        prefix = "/".join(compound.path) + "/"
        for element, box in zip(graph.elements, boxes, strict=True):
            inside = (compound.x <= box.x and box.x + box.width <= compound.x + compound.width
                      and compound.y <= box.y and box.y + box.height <= compound.y + compound.height)
            assert inside == element.name.startswith(prefix)
    assert len(layout.connections) == len(graph.connections)
    for connection, line in zip(graph.connections, layout.connections, strict=True):
        source, target = boxes[connection.source], boxes[connection.target]
        assert line[0][1] == pytest.approx(source.y + source.height)
        assert source.x < line[0][0] < source.x + source.width
        assert line[-1][1] == pytest.approx(target.y)
        assert target.x < line[-1][0] < target.x + target.width
        for (x1, y1), (x2, y2) in pairwise(line):
            assert min(abs(x1 - x2), abs(y1 - y2)) < 0.01, "lines are horizontal or vertical"
            for box in boxes:
                assert (max(x1, x2) < box.x + 0.1 or min(x1, x2) > box.x + box.width - 0.1
                        or max(y1, y2) < box.y + 0.1 or min(y1, y2) > box.y + box.height - 0.1)


@settings(max_examples=20, deadline=None)
@given(graphs())
def test_the_same_graph_gives_the_same_picture(drawn):
    document = svg(*drawn)
    assert svg(*drawn) == document
    assert len(titles(document, "connection")) == len(drawn[0].connections)
    assert len(titles(document, "element")) == len(drawn[0].elements)


@pytest.mark.parametrize("shape", ["nested", "tangled"])
def test_a_thousand_elements_take_a_couple_of_seconds(shape):
    choose = random.Random(1).randrange
    if shape == "nested":
        connections = [(choose(max(0, index - 12), index), index % 4, index, 0) for index in range(1, 1000)]
        drawn = made([f"g{index // 50}/h{index // 10}/e{index}" for index in range(1000)], connections)
    else:
        connections = [(choose(1000), choose(4), choose(1000), choose(3)) for _ in range(1500)]
        drawn = made([f"e{index}" for index in range(1000)], connections)
    start = time.process_time()
    document = svg(*drawn)
    assert time.process_time() - start < 6
    assert len(titles(document, "element")) == 1000
    assert len(titles(document, "connection")) == len(drawn[0].connections)
