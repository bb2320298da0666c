"""Arguments are found again where they were written: behind comments, variables and line directives, in compounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.lang.places import argument_place, argument_span, arguments_place, end_place, use_notes
from netos.lang.quoting import split_arguments


def origin(read, text, name="x"):
    """The origin of an element of a configuration."""
    graph = read(text).graph
    return graph.elements[graph.index(name)].origin


def shown(text, place):
    """What a place points at."""
    line = text.split("\n")[place.location.line - 1]
    return line[place.location.column - 1:place.location.column - 1 + place.length]


@pytest.mark.parametrize(("configuration", "arguments"), [
    ("(1, 22)", ["1", "22"]),
    ("( 1 ,\n  22 33 )", ["1", "22 33"]),
    ("(/* a, b */ 1, // 5,\n 22 /* c */)", ["1", "22"]),
    ("('a, b', \"c, \\\" d\", \\<41, 42>)", ["'a, b'", '"c, \\" d"', "\\<41, 42>"]),
    ("(A (1, 2), 3)", ["A (1", "2)", "3"]),
    ("(1 /* x */ 2)", ["1 /* x */ 2"]),
    ("(1\n 2, 3)", ["1", "3"]),
])
def test_arguments_are_found(read, configuration, arguments):
    """An argument that goes on over several lines is shown as far as its first line goes."""
    text = f"x :: Idle{configuration};"
    found = origin(read, text)
    places = [argument_place(found, index) for index in range(len(split_arguments(found.configuration)))]
    assert [shown(text, place) for place in places] == arguments
    assert not any(place.replaced for place in places)


def test_a_part_of_an_argument_is_found_behind_a_comment(read):
    text = "x :: Idle(a, bcd  /* , */ efg);"
    found = origin(read, text)
    assert shown(text, argument_place(found, 1, 4, 2)) == "ef"
    assert shown(text, argument_place(found, 1, 1)) == "cd  /* , */ efg"
    assert argument_place(found, 1, 7, 1).location.column == text.index(")") + 1


def test_an_empty_argument_is_where_its_comma_is(read):
    assert argument_place(origin(read, "x :: Idle(a,  , c);"), 1).location.column == 15


@pytest.mark.parametrize(("configuration", "arguments"), [
    ("$one, 2, $two", ["$one", "2", "$two"]),
    ("a$one b, 2", ["a$one b", "2"]),
    ("$list, 3", ["$list", "$list", "3"]),
    ("${one}$one", ["${one}$one"]),
    ("0, ${none-7}, \"$one\", 8", ["0", "${none-7}", '"$one"', "8"]),
    ("1, $empty, 8", ["1", "$empty", "8"]),
    ("'$one', $one", ["'$one'", "$one"]),
])
def test_the_value_of_a_variable_is_where_the_variable_is(read, configuration, arguments):
    text = ("define($one 11111, $two 2, $empty );\n"
            f"elementclass C {{ __REST__ $list | x :: Idle({configuration}) }} c :: C(p, q)")
    found = origin(read, text, "c/x")
    places = [argument_place(found, index) for index in range(len(split_arguments(found.configuration)))]
    assert [shown(text, place) for place in places] == arguments
    assert [place.replaced for place in places] == ["$" in shown and "'" not in shown for shown in arguments]


def test_compounds_say_where_they_are_used(read):
    text = ("elementclass A { $a | x :: Idle($a) }\nelementclass B { $b | a :: A($b) }\n"
            "b :: B(7); {x :: Idle(1)} -> Discard")
    found = origin(read, text, "b/a/x")
    assert shown(text, argument_place(found, 0)) == "$a"
    assert use_notes(found) == ("in 'b/a :: A', used at config:2:23", "in 'b :: B', used at config:3:1")
    assert use_notes(origin(read, text, "@2/x")) == ("in '@2', used at config:3:12",)


def test_line_directives_inside_a_configuration(read):
    found = origin(read, 'x :: Idle(1,\n# 40 "g"\n  2,\n3);')
    assert [str(argument_place(found, index).location) for index in range(3)] == ["config:1:11", "g:40:3", "g:41:1"]
    assert str(end_place(found).location) == "g:41:2"


def test_what_is_missing_is_missed_at_the_parenthesis_or_the_class(read):
    for text, wanted in ("x :: Idle(1, 2\n);", ")"), ("x :: Idle();", ")"), ("a, x :: Idle;", "Idle"):
        assert shown(text, end_place(origin(read, text))) == wanted


def test_all_arguments_together(read):
    for text, wanted in ("x :: Idle( 1, 2 );", "1, 2"), ("x :: Idle(1,\n2);", "1,"), ("x :: Idle( /* no */ );", ")"):
        assert shown(text, arguments_place(origin(read, text))) == wanted


def test_compact_configurations_are_found_as_written(read):
    text = "require(compact_config); x :: Idle(1 /* , */,   22);"
    found = origin(read, text)
    assert read(text).configuration("x") == "1, 22"
    assert shown(text, argument_place(found, 1)) == "22"


@given(st.text("ab ,'\"\\/*<>\n", max_size=30))
def test_every_character_of_an_argument_is_where_it_was_read(text):
    """Whatever the quotes and comments; only the space that stands for a comment is not there itself."""
    for index, argument in enumerate(split_arguments(text)):
        for column, character in enumerate(argument):
            start, end = argument_span(text, index, column, 1)
            assert end == start + 1
            assert text[start] == character or character == " "


@given(st.text("a ,'\"\\/*$b{}<>\n", max_size=24))
def test_places_lie_within_a_line(read, configuration):
    """Whatever was written, and whatever its variables stand for."""
    text = f"elementclass C {{ $a, $b | x :: Idle({configuration}) }} c :: C(p 'q, r', \"\")"
    graph = read(text).graph
    index = graph.index("c/x")
    if index is None:
        return
    found = graph.elements[index].origin
    count = len(split_arguments(found.configuration))
    places = [argument_place(found, number, *part) for number in range(count) for part in ((), (1, 1))]
    for place in [*places, arguments_place(found), end_place(found)]:
        column = place.location.column
        line = text.split("\n")[place.location.line - 1]
        assert place.length >= 1
        assert 1 <= column <= column + place.length - 1 <= max(len(line), column)
