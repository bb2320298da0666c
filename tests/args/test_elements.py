"""Elements and handlers are named as seen from the compound element that names them."""

from types import SimpleNamespace

import pytest

from netos.args import ElementName, GraphScope, HandlerCall, NameDatabase
from netos.errors import ArgumentError


class Queue:
    name = "q"


class FrontDropQueue(Queue):
    name = "f"
    capabilities = ("Storage",)


QUEUE, INNER, FRONT = Queue(), Queue(), FrontDropQueue()


def scope_of(compound=""):
    return GraphScope(NameDatabase(), {"q": QUEUE, "a/q": INNER, "a/f": FRONT}, compound)


def test_element_names_are_looked_up_outward():
    found = [ElementName().parse("q", scope_of(compound)) for compound in ("", "a", "a/b", "c")]
    assert found == [QUEUE, INNER, INNER, QUEUE]
    assert ElementName().parse("a/q", scope_of()) is INNER
    assert ElementName().parse("f", scope_of("a/b")) is FRONT


@pytest.mark.parametrize("text", ["nobody", "", "f", "a"])
def test_what_names_no_element(text):
    with pytest.raises(ArgumentError, match="does not name an element"):
        ElementName().parse(text, scope_of())


def test_an_element_must_be_what_is_wanted():
    assert ElementName("Queue").parse("a/f", scope_of()) is FRONT
    assert ElementName("Storage").parse("a/f", scope_of()) is FRONT
    with pytest.raises(ArgumentError, match="'q' is a Queue, expected a Storage"):
        ElementName(cast="Storage").parse("q", scope_of())
    assert ElementName(cast="Storage").name == "Storage"


def test_element_names_are_written_back():
    assert ElementName().unparse(SimpleNamespace(name="a/q")) == "a/q"


@pytest.mark.parametrize(("text", "compound", "resolved", "argument"), [
    ("q.length", "", (QUEUE, "length"), ""),
    ("q.length", "a/b", (INNER, "length"), ""),
    ("a/f.capacity 20 + 3", "", (FRONT, "capacity"), "20 + 3"),
    ("stop", "", (None, "stop"), ""),
    (".stop now", "", (None, "stop"), "now"),
    ("nobody.x", "", (None, "nobody.x"), ""),
    ('"q.length"', "", (QUEUE, "length"), ""),
])
def test_handler_calls(text, compound, resolved, argument):
    call = HandlerCall().parse(text, scope_of(compound))
    assert (call.resolve(), call.argument) == (resolved, argument)


def test_handler_calls_are_resolved_when_asked():
    elements = {}
    call = HandlerCall("write").parse("late.reset 5", GraphScope(NameDatabase(), elements))
    assert call.resolve() == (None, "late.reset")
    elements["late"] = QUEUE
    assert call.resolve() == (QUEUE, "reset")
    assert (call.mode, HandlerCall("write").unparse(call)) == ("write", "late.reset 5")


@pytest.mark.parametrize("text", ["", "   ", "q.", '""', "q.a/b"])
def test_what_is_no_handler_call(text):
    with pytest.raises(ArgumentError, match=r"parse error: .*is not a handler"):
        HandlerCall().parse(text, scope_of())
