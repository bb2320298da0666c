"""The command line of `netos click`: clusters, abbreviations, values and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.cli.click import Command
from netos.cli.click_options import OPTIONS, Given, OptionError, help_text, read_options


@pytest.mark.parametrize(("arguments", "found"), [
    (["a.click"], [("", "a.click")]),
    (["-"], [("", "-")]),
    (["--", "-q"], [("", "-q")]),
    (["-f", "a"], [("file", "a")]),
    (["-fa"], [("file", "a")]),
    (["--file=a"], [("file", "a")]),
    (["--file", "a"], [("file", "a")]),
    (["-qo-"], [("quit", None), ("output", "-")]),
    (["-qh", "c.count"], [("quit", None), ("handler", "c.count")]),
    (["-qe", "Idle", "-t"], [("quit", None), ("expression", "Idle"), ("time", None)]),
    (["--qu", "--exp", "Idle"], [("quit", None), ("expression", "Idle")]),
    (["--sim"], [("simtime", None)]),
    (["--simulation-time=5"], [("simtime", "5")]),
    (["--simtime", "5"], [("simtime", None), ("", "5")]),
    (["-a3", "-a", "--cpu=1"], [("affinity", "3"), ("affinity", None), ("affinity", "1")]),
    (["-w"], [("no-warnings", None)]),
    (["--handler="], [("handler", "")]),
])
def test_reading(arguments, found):
    assert [(option.name, option.value) for option in read_options(arguments)] == found


def test_negation():
    assert read_options(["--no-warnings", "--warnings"]) == [Given("warnings", None, True), Given("warnings")]
    assert read_options(["--no-aff"]) == [Given("affinity", None, True)]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--frobnicate"], "unrecognized option '--frobnicate'"),
    (["-Z"], "unrecognized option '-Z'"),
    (["-qZ"], "unrecognized option '-Z'"),
    (["--quit=yes"], "'--quit' can't take an argument"),
    (["-h"], "'-h' requires an argument"),
    (["--output"], "'--output' requires an argument"),
    (["--e"], "ambiguous"),
    (["--no-quit"], "unrecognized"),
    (["--="], "unrecognized"),
])
def test_what_cannot_be_read(arguments, message):
    with pytest.raises(OptionError, match=message):
        read_options(arguments)


@given(st.lists(st.text("-=aehijmopqrstuwx2", max_size=12), max_size=5))
def test_no_command_line_breaks_the_reader(arguments):
    try:
        Command(read_options(arguments))
    except OptionError:
        pass


def test_every_option_is_explained():
    text = help_text()
    assert all(f"--{option.name}" in text and option.meaning in text for option in OPTIONS)


def command(*arguments):
    return Command(read_options(arguments))


@pytest.mark.parametrize("argument", ["a=1", "A_1=1", "9=1"])
def test_definitions(argument):
    name = argument.partition("=")[0]
    assert command(argument).definitions == {name: "1"}


def test_what_is_no_definition_is_a_file():
    assert command("a-b=1").file == "a-b=1"


def test_definitions_have_any_value():
    assert command("x=a=b c").definitions == {"x": "a=b c"}


@pytest.mark.parametrize(("arguments", "message"), [
    (("a", "b"), "specified twice"), (("-e", "a", "b"), "specified twice"), (("x=1", "x=2"), "'x' multiply defined"),
    (("-o", "a", "-o", "b"), "output file specified twice"), (("-x", "a", "-x", "b"), "--exit-handler specified twice"),
    (("-j", "many"), "expects a number"), (("--simtime=x",), "expects a number"),
    (("--simtime=nan",), "expects a number"),
])
def test_what_is_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        command(*arguments)


def test_harmless_forms_are_taken():
    assert command("-j", "1", "--no-allow-reconfigure").quit is False
    assert command("--simtime").simulated == 10**18
    assert command("--simtime=1.5").simulated == 1_500_000_000
    assert command("-C", "/a::/b").search_path == ["/a", "/b"]
    assert (command("-w").warnings, command("--no-warnings").warnings, command("-w", "--warnings").warnings) == (
        False, False, True)
