"""The functions of Script's handlers: values, and the errors a script author reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elements.standard.script_functions import FUNCTIONS
from netos.errors import HandlerError
from netos.lang.quoting import quote

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
SMALL = st.integers(-(1 << 31), (1 << 31) - 1)
WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


@pytest.mark.parametrize(("name", "parameters", "value"), [
    ("add", "", "0"), ("add", "1 2 3", "6"), ("add", "0x10 1", "17"), ("add", "1 .5", "1.5"), ("add", "010", "8"),
    ("sub", "10 3 2", "5"), ("sub", "4", "-4"), ("mul", "3 4", "12"), ("mul", "3 .5", "1.5"),
    ("div", "6 3", "2"), ("div", "7 2", "3.5"), ("div", "4", "0.25"), ("div", "1", "1"),
    ("idiv", "7 2", "3"), ("idiv", "-7 2", "-3"), ("idiv", "5", "0"),
    ("mod", "7 3", "1"), ("mod", "-7 3", "-1"), ("rem", "7.5 2", "1.5"), ("rem", "9 4", "1"),
    ("min", "3 1 2", "1"), ("max", "3 1 2.5", "3"), ("neg", "5", "-5"), ("abs", "-5", "5"), ("abs", "-1.5", "1.5"),
    ("eq", "10 0xa", "true"), ("eq", "1.0 1", "true"), ("eq", "a a", "true"), ("eq", 'a "a"', "true"),
    ("eq", "a b", "false"), ("ne", "a b", "true"), ("gt", "10 9", "true"), ("gt", "b a", "true"),
    ("ge", "2 2", "true"), ("lt", "10 9", "false"), ("le", "9 10", "true"), ("lt", "10 9x", "true"),
    ("not", "true", "false"), ("not", "0", "true"), ("and", "true 1 yes", "true"), ("and", "true no", "false"),
    ("or", "no f 0", "false"), ("or", "no t", "true"), ("nand", "1 1", "false"), ("nor", "0 0", "true"),
    ("if", "true a b", "a"), ("if", "false a b", "b"), ("if", "0 a", ""), ("if", 'yes "a b" c', '"a b"'),
    ("in", "b a b c", "true"), ("in", "d a b c", "false"),
    ("first", "  one two", "one"), ("first", "", ""), ("length", "four", "4"), ("unquote", '"a b"', "a b"),
    ("sprintf", '"%05d|%-4s|%x" 42 ab 255', "00042|ab  |ff"), ("sprintf", "%d%%", None),
    ("sprintf", "100%% ", "100%"),
    ("sprintf", '"%.2f %c" 3.14159 65', "3.14 A"), ("sprintf", '"%*d" 4 7', "   7"),
    ("sprintf", "%u -1", str(2**64 - 1)),
    ("htons", "1", "256"), ("ntohs", "256", "1"), ("htonl", "1", "16777216"), ("ntohl", "0x01000000", "1"),
])
def test_value(name, parameters, value):
    if value is None:
        with pytest.raises(HandlerError):
            FUNCTIONS[name](parameters)
    else:
        assert FUNCTIONS[name](parameters) == value


@pytest.mark.parametrize(("name", "parameters", "message"), [
    ("add", "1 x", "numbers"), ("sub", "", "list of numbers"), ("div", "1 0", "division by zero"),
    ("div", "0", "division by zero"), ("idiv", "1 0", "division by zero"), ("idiv", "1.5 1", "integers"),
    ("mod", "1 0", "division by zero"), ("mod", "1", "two parameters"), ("rem", "1 0", "division by zero"),
    ("neg", "1 2", "one number"), ("eq", "a", "two parameters"), ("eq", "a b c", "two parameters"),
    ("not", "maybe", "true or false"), ("and", "true perhaps", "true or false"), ("if", "true", "CONDITION A B"),
    ("in", "", "WORD"), ("htons", "65536", "16 bits"), ("htonl", "-1", "32 bits"),
    ("sprintf", "", "FORMAT"), ("sprintf", "%d", "too few"), ("sprintf", "%d 1 2", "too many"),
    ("sprintf", '"%n" 1', "bad format"), ("sprintf", "%d x", "integers"), ("sprintf", "%99999d 1", "too wide"),
    ("add", "99999999999999999999", "numbers"),
])
def test_error_says_what_is_wanted(name, parameters, message):
    with pytest.raises(HandlerError, match=message):
        FUNCTIONS[name](parameters)


@given(SMALL, SMALL)
def test_quotient_and_remainder_rebuild_the_dividend(a, b):
    if b:
        quotient = FUNCTIONS["idiv"](f"{a} {b}")
        rest = FUNCTIONS["mod"](f"{a} {b}")
        assert int(quotient) * b + int(rest) == a
        assert abs(int(rest)) < abs(b)


@given(INT64, INT64)
def test_results_have_64_bits(a, b):
    for name, exact in (("add", a + b), ("sub", a - b), ("mul", a * b)):
        result = int(FUNCTIONS[name](f"{a} {b}"))
        assert -(1 << 63) <= result < 1 << 63
        assert (result - exact) % (1 << 64) == 0


@given(WORD, WORD)
def test_exactly_one_of_less_equal_greater(a, b):
    text = f"{quote(a)} {quote(b)}"
    assert [FUNCTIONS[name](text) for name in ("lt", "eq", "gt")].count("true") == 1
    assert (FUNCTIONS["le"](text) == "true") == (FUNCTIONS["gt"](text) == "false")
    assert (FUNCTIONS["ne"](text) == "true") == (FUNCTIONS["eq"](text) == "false")


@given(st.integers(0, 65535), st.integers(0, (1 << 32) - 1))
def test_byte_swaps_undo_each_other(short, long):
    assert FUNCTIONS["ntohs"](FUNCTIONS["htons"](str(short))) == str(short)
    assert FUNCTIONS["ntohl"](FUNCTIONS["htonl"](str(long))) == str(long)


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_no_text_breaks_a_function(text):
    """Whatever a script passes, it gets a value or a HandlerError, never another exception."""
    for function in FUNCTIONS.values():
        try:
            assert isinstance(function(text), str)
        except HandlerError:
            pass
