"""Script's compiler: what is written, what it becomes, what is refused."""

import pytest

from elements.standard.script_program import Instruction, Program
from netos.args import ArgumentErrors


def operations(*arguments, driver=False):
    return [found.operation for found in Program(arguments, driver).instructions]


def test_a_program_that_does_not_wait_first_begins_with_initial():
    assert operations("print 1")[:2] == ["initial", "print"]
    assert operations("wait_stop", "print 1")[:2] == ["wait_step", "print"]
    assert operations("wait 1s")[0] == "wait_time"


def test_the_implicit_end_is_a_stop_in_a_driver_script():
    assert operations("wait")[1] == "end"
    assert operations("wait", driver=True)[1] == "stop"


def test_an_empty_driver_script_waits_for_one_stop():
    assert Program((), True).instructions[:2] == [Instruction("wait_step", number=1), Instruction("stop")]


def test_wait_means_a_step_or_a_time():
    assert operations("wait", "wait 1")[:2] == ["wait_step", "wait_time"]


def test_comments_and_empty_arguments_are_nothing():
    assert operations("# a comment", "", "wait") == operations("wait")


@pytest.mark.parametrize("label", ["begin", "end", "stop", "error", "loop", "exit"])
def test_predefined_labels(label):
    program = Program(("wait", f"goto {label}"))
    places = {"begin": 0, "loop": 0, "end": 2, "stop": 3, "error": 4, "exit": 5}
    assert program.instructions[1].number == places[label]


def test_a_written_label_hides_a_predefined_one():
    assert Program(("wait", "label end", "goto end")).instructions[2].number == 1


def test_labels_may_come_later():
    assert Program(("wait", "goto after", "print 1", "label after")).instructions[1].number == 3


@pytest.mark.parametrize(("argument", "name", "text", "newline"), [
    ("print >FILE hello", ">FILE", "hello", True), ("print >>FILE hello", ">>FILE", "hello", True),
    ("print > FILE hello", ">FILE", "hello", True), ("printn 'x'", "", "'x'", False),
    ("save a.b FILE", ">FILE", "a.b", False), ("append a.b 1 FILE", ">>FILE", "a.b 1", False),
])
def test_redirection(argument, name, text, newline):
    found = Program((argument,)).instructions[1]
    assert (found.operation, found.name, found.text, found.newline) == ("print", name, text, newline)


def test_assignments_may_have_an_equals_sign():
    found = Program(("set x = 1 2", "set y 3", "set z")).instructions
    assert [(one.name, one.text) for one in found[1:4]] == [("x", "1 2"), ("y", "3"), ("z", "")]


@pytest.mark.parametrize("argument", ["wait_step x", "wait_time", "goto", "label", "label a b", "set", "set a-b 1",
                                      "end now", "stop it", "read", "write", "loop x", "save a.b", "frobnicate"])
def test_syntax_errors_name_the_instruction(argument):
    with pytest.raises(ArgumentErrors, match=f"syntax error at '{argument.split()[0]}'"):
        Program((argument,))


def test_all_errors_come_at_once_with_their_places():
    with pytest.raises(ArgumentErrors) as caught:
        Program(("prin x", "wait", "goto nowhere", "stop it"))
    assert len(caught.value.errors) == 3
    assert sorted(caught.value.positions) == [0, 2, 3]


def test_misspellings_get_a_hint():
    with pytest.raises(ArgumentErrors, match="did you mean print"):
        Program(("prnt x",))
    with pytest.raises(ArgumentErrors, match="no such label 'agian'; did you mean again"):
        Program(("label again", "goto agian"))
