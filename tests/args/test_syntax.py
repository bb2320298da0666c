"""Arguments are bound by Click's rules (args.hh): one test a rule, on signatures as elements have them."""

from ipaddress import IPv4Address
from typing import Annotated

import pytest

from netos.args import (
    ANNOTATIONS,
    MANDATORY,
    Alias,
    Annotation,
    ArgumentErrors,
    Bool,
    Byte,
    Data,
    Deprecated,
    GraphScope,
    Integer,
    IPv4Prefix,
    NameDatabase,
    Raw,
    Remaining,
    Repeated,
    Syntax,
    Text,
    Unsigned,
)


class RatedSource:
    def configure(self, data: Data = b"", rate: Unsigned = 10, limit: Integer = -1, active: Bool = True, *,
                  length: Integer = -1, stop: Bool = False): ...


class Paint:
    def configure(self, color: Byte, anno: Annotation(1) = ANNOTATIONS["PAINT"]): ...


class Message:
    def configure(self, text: Raw, type_: Text = "message"): ...


class StaticIPLookup:
    def configure(self, first: Byte = 7, *routes: IPv4Prefix(bare=True), check: Bool = True): ...


class Script:
    def configure(self, *instructions: Remaining, type: Text = "ACTIVE"): ...


class Tunnel:
    def configure(self, number: Integer, /, *, mode: Text): ...


def bind(element, *arguments, **scope):
    return Syntax.of(element.configure).bind(arguments, **scope)


def errors_of(element, *arguments):
    with pytest.raises(ArgumentErrors) as caught:
        bind(element, *arguments)
    return [str(error) for error in caught.value.errors], caught.value.positions


def test_positional_arguments_in_order():
    assert bind(RatedSource, "abc", "5", "0x10") == ([b"abc", 5, 16], {})


def test_a_parameter_not_given_is_not_passed():
    assert bind(RatedSource) == ([], {})
    assert bind(RatedSource, "LIMIT 3", "STOP true") == ([], {"limit": 3, "stop": True})


def test_keyword_arguments_do_not_count_as_positions():
    assert bind(RatedSource, "STOP true", "abc", "LIMIT 9", "5") == ([b"abc", 5, 9], {"stop": True})


def test_keyword_beats_position():
    assert bind(Paint, "COLOR 3", "ANNO 20") == ([3, (20, 1)], {})
    assert bind(RatedSource, "abc", "true", "LIMIT 9", "RATE 6") == ([b"abc", 6, 9, True], {})


def test_the_last_occurrence_of_a_keyword_wins_and_the_others_are_not_read():
    assert bind(RatedSource, "LIMIT nonsense", "LIMIT 4") == ([], {"limit": 4})


def test_a_keyword_alone_is_positional():
    assert bind(Message, "TEXT") == (["TEXT"], {})
    assert errors_of(RatedSource, "abc", "LIMIT") == (["RATE: parse error: invalid number 'LIMIT'"], (1,))


@pytest.mark.parametrize("text", ["5x y", "-LIMIT 5", "$LIMIT 5", "'LIMIT' 5"])
def test_what_does_not_look_like_a_keyword_is_positional(text):
    assert bind(Message, text) == ([text], {})


@pytest.mark.parametrize("space", [" ", "\t", "\n", "  "])
def test_any_space_ends_a_keyword(space):
    assert bind(RatedSource, f"LIMIT{space}5") == ([], {"limit": 5})


def test_keywords_may_contain_click_s_punctuation():
    assert errors_of(RatedSource, "a.b:c?! 5") == (["a.b:c?!: unknown argument"], (0,))


def test_keywords_are_case_sensitive():
    assert errors_of(RatedSource, "limit 5") == (["limit: unknown argument; did you mean LIMIT?"], (0,))


def test_a_mandatory_positional_argument_may_look_like_a_keyword():
    assert bind(Message, "hello there") == (["hello there"], {})
    assert bind(Message, "TYPE x", "hello there") == (["hello there", "x"], {})


def test_an_optional_positional_argument_may_not():
    assert errors_of(RatedSource, "hello there") == (["hello: unknown argument"], (0,))


def test_a_misspelt_keyword_in_a_mandatory_position_is_pointed_out():
    assert errors_of(Paint, "COLR 5") == (["COLOR: parse error: invalid number 'COLR 5'; did you mean COLOR?"], (0,))


def test_missing_mandatory_arguments():
    assert errors_of(Paint) == (["COLOR: required argument missing"], (None,))
    assert errors_of(Paint, "ANNO 20") == (["COLOR: required argument missing"], (None,))
    assert errors_of(Tunnel) == (["NUMBER: required argument missing", "MODE: required argument missing"], (None, None))


def test_too_many_arguments_are_one_error():
    assert errors_of(Paint, "1", "2", "3", "4") == (["too many arguments"], (2,))


def test_all_errors_are_reported_and_say_which_argument():
    assert errors_of(RatedSource, "a", "b", "c", "d", "e", "LENGHT 3", "LENGTH x") == ([
        "RATE: parse error: invalid number 'b'",
        "LIMIT: parse error: invalid number 'c'",
        "ACTIVE: parse error: 'd' is not a bool (true or false)",
        "LENGTH: parse error: invalid number 'x'",
        "LENGHT: unknown argument; did you mean LENGTH?",
        "too many arguments",
    ], (1, 2, 3, 6, 5, 4))


def test_the_errors_together_are_one_message():
    with pytest.raises(ArgumentErrors, match=r"^COLOR: out of range, bound 255\nSPEED: unknown argument$"):
        bind(Paint, "256", "SPEED 3")


def test_rest_takes_all_positional_arguments_left():
    (first, *routes), keywords = bind(StaticIPLookup, "3", "18.26/16", "CHECK false", "1.2.3.4")
    assert (first, [str(route) for route in routes], keywords) == (3, ["18.26.0.0/16", "1.2.3.4/32"], {"check": False})


def test_before_a_rest_a_keyword_or_the_default_fills_the_position():
    arguments, _ = bind(StaticIPLookup, "FIRST 9", "1.0.0.0/8")
    assert (arguments[0], str(arguments[1])) == (9, "1.0.0.0/8")


def test_rest_names_the_argument_that_is_wrong():
    assert errors_of(StaticIPLookup, "3", "18.26/16", "x y", "nonsense") == (
        ["argument 4: parse error: 'nonsense' is not an IPv4 prefix (address/length, as 18.26.0.0/16)",
         "x: unknown argument"], (3, 2))


def test_remaining_takes_what_looks_like_an_unknown_keyword_too():
    assert bind(Script, "print hello", "TYPE DRIVER", "wait 1s", "stop") == (
        ["print hello", "wait 1s", "stop"], {"type": "DRIVER"})


def test_positional_only_parameters_have_no_keyword():
    assert bind(Tunnel, "3", "MODE x") == ([3], {"mode": "x"})
    assert errors_of(Tunnel, "NUMBER 3", "MODE x") == (["NUMBER: parse error: invalid number 'NUMBER 3'"], (0,))


def test_a_trailing_underscore_is_not_part_of_the_keyword():
    assert bind(Message, "TYPE x", "y") == (["y", "x"], {})


class Old:
    def configure(self, burst: Alias(Integer, "BATCH") = 1, *, size: Deprecated(Integer, "use BURST") = 0,
                  port: Repeated(Alias(Byte, "PORTS")) = ()): ...


def test_aliases_are_the_same_parameter():
    assert bind(Old, "BATCH 3") == ([3], {})
    assert bind(Old, "BURST 2", "BATCH 3") == ([3], {})


def test_deprecated_keywords_work_and_draw_a_warning():
    warnings = []
    scope = GraphScope(NameDatabase(), {}, warn=warnings.append)
    assert bind(Old, "SIZE 4", scope=scope) == ([], {"size": 4})
    assert [(str(warning), warning.positions) for warning in warnings] == [
        ("SIZE: argument deprecated (use BURST)", (0,))]
    bind(Old, "BURST 4", scope=scope)
    assert len(warnings) == 1


def test_repeated_keywords_are_all_read():
    assert bind(Old, "PORT 1", "PORTS 2", "PORT 3") == ([], {"port": (1, 2, 3)})
    assert errors_of(Old, "PORT 1", "PORT x", "PORT 300") == (
        ["PORT: parse error: invalid number 'x'", "PORT: out of range, bound 255"], (1, 2))


def test_usage_reads_as_in_click_s_manual():
    usages = [Syntax.of(element.configure).usage() for element in (RatedSource, Paint, StaticIPLookup, Tunnel)]
    assert usages == [
        "RatedSource([DATA, RATE, LIMIT, ACTIVE, keywords LENGTH, STOP])",
        "Paint(COLOR [, ANNO])",
        "StaticIPLookup([FIRST, ROUTES..., keyword CHECK])",
        "Tunnel(NUMBER, MODE string)",
    ]
    assert Syntax.of(Paint.configure).usage("Tint") == "Tint(COLOR [, ANNO])"


def test_parameters_describe_themselves():
    color, anno = Syntax.of(Paint.configure).parameters
    assert (color.keyword, color.type.name, color.default, color.kind) == ("COLOR", "byte", MANDATORY, "positional")
    assert (anno.keyword, anno.type.name, anno.default, anno.kind) == ("ANNO", "annotation", (16, 1), "positional")
    assert (color.mandatory, anno.mandatory) == (True, False)


def test_a_syntax_is_read_once_also_from_a_bound_method():
    assert Syntax.of(Paint.configure) is Syntax.of(Paint().configure)


def test_signatures_that_are_no_syntax_are_refused():
    class NoType:
        def configure(self, what): ...

    class NotAType:
        def configure(self, what: 5): ...

    class Anything:
        def configure(self, **what: Raw): ...

    for element, complaint in ((NoType, "what needs"), (NotAType, "not an argument type"), (Anything, "the keywords")):
        with pytest.raises(TypeError, match=complaint):
            Syntax.of(element.configure)


def test_python_s_own_types_stand_for_the_obvious_ones():
    class Plain:
        def configure(self, address: IPv4Address, count: int = 3, *, label: str = "",
                      exact: Annotated[int, Byte] = 0): ...

    assert bind(Plain, "1.2.3.4", "5", 'LABEL "a b"') == ([IPv4Address("1.2.3.4"), 5], {"label": "a b"})
    assert errors_of(Plain, "1.2.3.4", "EXACT 256") == (["EXACT: out of range, bound 255"], (1,))


def text_annotations(self, count: "Integer(minimum=2)" = 3): ...


def test_annotations_that_are_text_as_cython_makes_them_are_evaluated():
    assert Syntax.of(text_annotations).bind(["5"]) == ([5], {})
    with pytest.raises(ArgumentErrors, match="COUNT: out of range, bound 2"):
        Syntax.of(text_annotations).bind(["1"])
