"""Numbers are read in all of Click's forms, exactly, and refused with its words."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.args import (
    Bool,
    Byte,
    DecimalFixedPoint,
    FixedPoint,
    Integer,
    Integer64,
    Real,
    Unsigned,
    Unsigned16,
    Unsigned64,
)
from netos.errors import ArgumentError


@pytest.mark.parametrize(("text", "value"), [
    ("0", 0), ("7", 7), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0Xff", 255), ("-0x10", -16), ("0b101", 5), ("010", 8),
    ("00", 0), ("1_000_000", 1_000_000), ("0xdead_beef", 0xDEADBEEF), ("0b1111_0000", 240), ("0_10", 8)])
def test_integer_forms(text, value):
    assert Integer64().parse(text) == value


@pytest.mark.parametrize("text", [
    "", "-", "+", "abc", "1.5", "1e3", "08", "0x", "0b", "0b2", "0xg", "1_", "_1", "1__0", "1 ", " 1", "--1", "1,000",
    "٣", "0x_1", "9" * 5000])
def test_what_is_no_integer(text):
    with pytest.raises(ArgumentError, match="parse error: invalid number"):
        Integer().parse(text)


@pytest.mark.parametrize(("kind", "low", "high"), [
    (Integer, -2147483648, 2147483647), (Unsigned, 0, 4294967295), (Byte, 0, 255), (Unsigned16, 0, 65535),
    (Integer64, -1 << 63, (1 << 63) - 1),
    (Unsigned64, 0, (1 << 64) - 1), (lambda: Integer(minimum=-3, maximum=4), -3, 4)])
def test_integers_out_of_range_are_told_the_bound(kind, low, high):
    assert (kind().parse(str(low)), kind().parse(hex(high))) == (low, high)
    for value, bound in ((low - 1, low), (high + 1, high)):
        with pytest.raises(ArgumentError, match=f"out of range, bound {bound}$"):
            kind().parse(str(value))


@given(st.integers(-1 << 31, (1 << 31) - 1), st.sampled_from([hex, bin, str, lambda n: f"{n:_}"]))
def test_integers_read_back(value, write):
    assert Integer().parse(write(value)) == value
    assert Integer().parse(Integer().unparse(value)) == value


@given(st.integers(0, (1 << 32) - 1))
def test_octal_has_a_leading_zero(value):
    assert Unsigned().parse(f"0{value:o}") == value


def test_bool_words():
    assert [word for word in ("1", "t", "y", "true", "yes") if Bool().parse(word) is not True] == []
    assert [word for word in ("0", "f", "n", "false", "no") if Bool().parse(word) is not False] == []
    assert [Bool().parse(Bool().unparse(value)) for value in (True, False)] == [True, False]


@pytest.mark.parametrize("text", ["", "True", "YES", "on", "off", "2", "-1", "true "])
def test_what_is_no_bool(text):
    with pytest.raises(ArgumentError, match=r"parse error: .* is not a bool"):
        Bool().parse(text)


REALS = [("1", 1.0), ("-1.5", -1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1.5E-2", 0.015),
         ("1_000.25", 1000.25)]
NO_REALS = ["", ".", "-", "e3", "1e", "1.2.3", "inf", "nan", "0x10", "1__0", "_1", "1._5", "1 "]


@pytest.mark.parametrize(("text", "value"), REALS)
def test_real_forms(text, value):
    assert Real().parse(text) == value


@pytest.mark.parametrize("kind", [Real(), FixedPoint(8), DecimalFixedPoint(3)])
@pytest.mark.parametrize("text", NO_REALS)
def test_what_is_no_real(kind, text):
    with pytest.raises(ArgumentError, match="parse error: invalid number"):
        kind.parse(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_reals_read_back(value):
    assert Real().parse(Real().unparse(value)) == value


def test_reals_have_bounds():
    with pytest.raises(ArgumentError, match=r"out of range, bound 1\.5"):
        Real(0, 1.5).parse("1.6")
    with pytest.raises(ArgumentError, match="out of range, bound 0"):
        Real(0, 1.5).parse("-1e-9")
    with pytest.raises(ArgumentError, match=r"out of range, bound 1\.79"):
        Real().parse("1e999")


def test_fixed_point_rounds_to_the_nearest():
    assert [FixedPoint(1).parse(text) for text in ("0.24", "0.25", "0.74", "0.75", "3")] == [0, 1, 1, 2, 6]
    assert [DecimalFixedPoint(3).parse(text) for text in ("1", "0.0004", "0.0005", "1.2345678", "2e-3")] == [
        1000, 0, 1, 1235, 2]
    assert DecimalFixedPoint(0, minimum=-10).parse("-2.5") == -3


@given(st.decimals(0, 65535, places=6), st.integers(0, 16))
def test_fixed_point_is_exact(number, bits):
    scaled = Fraction(number) * 2 ** bits
    assert abs(FixedPoint(bits).parse(str(number)) - scaled) <= Fraction(1, 2)


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 32), st.integers(0, 9))
def test_fixed_point_reads_back(value, bits, digits):
    for kind in (FixedPoint(bits), DecimalFixedPoint(digits)):
        assert kind.parse(kind.unparse(value)) == value


def test_fixed_point_bounds_are_shown_as_reals():
    with pytest.raises(ArgumentError, match=r"out of range, bound 65535\.9999847412109375$"):
        FixedPoint(16).parse("65536")
    with pytest.raises(ArgumentError, match=r"out of range, bound 0$"):
        FixedPoint(16).parse("-1")


@pytest.mark.parametrize("text", ["1e500", "1e99999999999", "1" * 2000])
def test_absurd_numbers_are_refused_at_once(text):
    with pytest.raises(ArgumentError):
        FixedPoint(16).parse(text)


def test_absurdly_small_numbers_are_nothing():
    assert FixedPoint(16).parse("1e-9000") == 0
