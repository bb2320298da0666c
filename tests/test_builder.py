"""The builder: what is said in Python is what a configuration would have said, quoted as it must be."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.args import Data, Text
from netos.builder import Builder, Raw, argument_text
from netos.errors import ConfigError
from netos.lang import parse_config, unparse
from netos.lang.quoting import split_arguments, split_words
from netos.pyelement import PyElement
from netos.registry import Registry, default_registry


class Letters(PyElement):
    """Keeps what its configure() was given."""

    ports = "-/-"

    def configure(self, first: Text, *rest: Text, data: Data = b"", limit: int = 3):
        self.given = first, rest, data, limit


def given_to(*arguments, **keywords):
    """What Letters' configure() hears of these arguments."""
    build = Builder()
    build("x", Letters, *arguments, **keywords)
    with build.router(simulated=0) as router:
        return router["x"].given


def test_a_chain_and_ports_make_the_connections_of_a_configuration():
    build = Builder()
    source = build("source", "InfiniteSource", limit=5, stop=True)
    classes = build("classes", "Classifier", ("12/0806", "20/0001"), "-")
    source >> classes >> build("arp", "Discard")
    classes[1] >> build("tee", "Tee") >> build("a", "Discard")
    build["tee"][1] >> build("b", "Discard")
    build.graph.sort_connections()
    text = """
        source :: InfiniteSource(LIMIT 5, STOP true); classes :: Classifier(12/0806 20/0001, -); arp :: Discard;
        tee :: Tee; a :: Discard; b :: Discard;
        source -> classes; classes [0] -> arp; classes [1] -> tee; tee [0] -> a; tee [1] -> b;
    """
    graph, diagnostics = parse_config(text, "x", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    assert not diagnostics.entries
    assert unparse(build.graph) == unparse(graph)


def test_what_is_built_runs():
    build = Builder()
    build("source", "InfiniteSource", limit=5) >> build("count", "Counter") >> build("sink", "Discard")
    with build.router(simulated=0) as router:
        router.cpu.advance()
        assert router.read("count.count") == "5"


def test_a_target_may_be_entered_at_another_port_and_is_left_at_port_0():
    build = Builder()
    build("a", "Null") >> build("b", "Letters")[2] >> build("c", "Discard")
    assert [(link.source, link.source_port, link.target, link.target_port) for link in build.graph.connections] == [
        (0, 0, 1, 2), (1, 0, 2, 0)]


@pytest.mark.parametrize(("value", "text"), [
    (5, "5"), (-1, "-1"), (True, "true"), (0.25, "0.25"), ("12/0800", "12/0800"), ("", '""'), ("a b", '"a b"'),
    ("$x", r'"\$x"'), ("http://x", '"http://x"'), ("/*", '"/*"'), (b"\0a", r'"\000a"'), (b"a", '"a"'),
    (Raw("$x, y"), "$x, y"), (("12/0806", "20/0001"), "12/0806 20/0001"), (["a b", 1], '"a b" 1'),
    (ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"), ("é", r'"\303\251"')])
def test_values_are_written_as_click_reads_them(value, text):
    assert argument_text(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_arrives_as_one_argument_with_its_utf_8_bytes(text):
    written = argument_text(text)
    assert len(split_arguments(written)) == len(split_words(written)) == 1
    assert Text().parse(written) == text.encode().decode("latin-1")


@given(st.binary())
def test_any_bytes_arrive_as_they_are(data):
    assert split_arguments(argument_text(data)) == [argument_text(data)]
    assert Data().parse(argument_text(data)) == data


def test_arguments_and_keywords_arrive():
    assert given_to("a, b", "// no comment", "", limit=9, data=b"\n") == ("a, b", ("// no comment", ""), b"\n", 9)


def test_a_keyword_that_is_none_keeps_its_default():
    assert given_to("x", limit=None) == ("x", (), b"", 3)


def test_an_element_as_an_argument_is_its_name():
    build = Builder()
    assert argument_text(build("a/table", "Null")) == "a/table"


@pytest.mark.parametrize("name", ["", "a b", "a//b", "/a", "a;", "ä", "a\n"])
def test_a_name_no_configuration_could_have_is_refused(name):
    with pytest.raises(ValueError, match="cannot name an element"):
        Builder()(name, "Null")


def test_a_second_element_of_one_name_is_refused():
    build = Builder()
    build("a", "Null")
    with pytest.raises(ValueError, match="there is an element 'a' already"):
        build("a", "Idle")


def test_two_classes_of_one_name_are_refused():
    build = Builder()
    build("a", Letters, "x")
    other = type("Letters", (PyElement,), {})
    with pytest.raises(ValueError, match="two classes are called Letters"):
        build("b", other)


def test_builders_do_not_mix_and_only_elements_connect():
    build = Builder()
    node = build("a", "Null")
    with pytest.raises(ValueError, match="different builders"):
        node >> Builder()("b", "Null")
    with pytest.raises(TypeError):
        node >> "b"
    with pytest.raises(ValueError, match="a port is a number"):
        node[-1]
    with pytest.raises(TypeError):
        iter(node)


def test_a_class_of_the_builder_stays_its_own():
    registry = Registry()
    Builder(registry)("x", Letters, "a")
    Builder()("x", Letters, "a")
    assert registry.find("Letters") is Letters
    assert default_registry.find("Letters") is None


def test_complaints_say_where_in_python_the_element_was_built():
    build = Builder()
    build("x", "Strip", "many")
    with pytest.raises(ConfigError) as refused:
        build.router(simulated=0)
    assert all(error.location.file == __file__ for error in refused.value.diagnostics.errors)
    assert {error.location.line for error in refused.value.diagnostics.errors} == {
        test_complaints_say_where_in_python_the_element_was_built.__code__.co_firstlineno + 2}
