"""Handlers: what a class declares is what can be read and written, texts converted, nothing else called."""

import pytest

from netos.args import Integer
from netos.builder import Builder
from netos.errors import HandlerError
from netos.handlers import Handler, element_handlers, read_handler, text_of, write_handler
from netos.pyelement import PyElement


class Base(PyElement):
    """One handler of each kind."""

    ports = "0/0"
    handlers = ("size",)
    size = 3

    def initialize(self):
        self.heard = []

    @read_handler
    def colour(self):
        return "red"

    @read_handler("sum")
    def add(self, argument):
        return sum(int(word) for word in argument.split())

    @write_handler
    def reset(self):
        self.heard.append("reset")

    @write_handler("limit")
    def set_limit(self, limit: Integer(minimum=1)):
        self.heard.append(limit)

    @write_handler("count")
    @write_handler("total")
    def set_count(self, count: int = 7):
        self.heard.append(count)

    @write_handler
    def text(self, text):
        self.heard.append(text)

    @read_handler(private=True)
    def secret(self):
        return "hidden"

    @read_handler("both")
    def read_both(self):
        return None

    @write_handler("both", private=True)
    def write_both(self, value: "Integer"):
        self.heard.append(value)


class Derived(Base):
    """Overrides without marks, and one more attribute."""

    handlers = ("weight",)
    size = 4
    weight = 1.5

    def colour(self):
        return "blue"


@pytest.fixture
def router():
    build = Builder()
    build("base", Base)
    build("derived", Derived)
    with build.router(simulated=0) as router:
        yield router


def test_flags_say_what_each_name_can_do(router):
    flags = {name: handler.flags for name, handler in element_handlers(router["base"]).items()}
    assert flags == {"size": "r", "colour": "r", "sum": "r+", "secret": "r", "both": "rw", "reset": "w", "limit": "w",
                     "count": "w", "total": "w", "text": "w"}


def test_reading(router):
    assert [router.read(f"base.{name}") for name in ("size", "colour", "both")] == ["3", "red", ""]
    assert router.read("base.sum", "1 2 3") == "6"
    with pytest.raises(HandlerError, match="does not take parameters"):
        router.read("base.size", "1")
    with pytest.raises(HandlerError, match=r"no 'base\.reset' read handler"):
        router.read("base.reset")


def test_a_value_error_of_a_handler_is_a_handler_error(router):
    with pytest.raises(HandlerError, match=r"base\.sum: invalid literal"):
        router.read("base.sum", "one")


def test_texts_are_converted_by_annotation(router):
    router.write("base.limit", " 5\n")
    router.write("base.count", "6")
    router.write("base.total", "")
    router.write("base.text", "  as it is\n")
    router.write("base.reset", "ignored")
    router.write("base.both", "1")
    assert router["base"].heard == [5, 6, 7, "  as it is\n", "reset", 1]


@pytest.mark.parametrize(("path", "text", "complaint"), [
    ("base.limit", "0", "base: out of range"), ("base.limit", "many", "base: .*'many'"), ("base.limit", "", "base: "),
    ("base.size", "1", r"no 'base\.size' write handler"), ("base.none", "1", "write handler"),
    ("none.reset", "", "no element 'none'")])
def test_what_cannot_be_written_changes_nothing(router, path, text, complaint):
    with pytest.raises(HandlerError, match=complaint):
        router.write(path, text)
    assert router["base"].heard == []


def test_a_subclass_adds_attributes_and_overrides_what_its_base_marked(router):
    assert router.read("derived.weight") == "1.5"
    assert router.read("derived.size") == "4"
    assert router.read("derived.colour") == "blue"
    assert set(element_handlers(router["derived"])) == set(element_handlers(router["base"])) | {"weight"}


def test_private_handlers_are_not_listed_but_can_be_read(router):
    listed = [line.split("\t")[0] for line in router.read("base.handlers").splitlines()]
    assert "secret" not in listed
    assert "both" not in listed
    assert {"class", "name", "config", "ports", "handlers", "size", "sum"} <= set(listed)
    assert router.read("base.secret") == "hidden"


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (True, "true"), (False, "false"), (3, "3"), (0.1, "0.1"), (1e20, "1e+20"), (b"a\xff", "a\xff"),
    ("x", "x")])
def test_values_are_printed_as_click_prints_them(value, text):
    assert text_of(value) == text


def test_marks_leave_the_function_as_it_was():
    def plain(self):
        return 1

    marked = read_handler("a")(write_handler(plain))
    assert marked is plain
    assert (plain.netos_read, plain.netos_write) == (("a",), ("plain",))
    assert Handler("x").flags == ""
