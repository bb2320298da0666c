"""Numbers as arguments: integers, bools, reals and fixed-point numbers (Click's IntArg, BoolArg, FixedPointArg).

Everything is exact: reals with units and fixed-point numbers are computed in integers, never in floating point.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType, brief
from netos.errors import ArgumentError

INTEGER = re.compile(
    r"([+-]?)(?:0[xX]([0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)|0[bB]([01]+(?:_[01]+)*)|(0[0-7]*(?:_[0-7]+)*)|([1-9][0-9]*(?:_[0-9]+)*))")
DIGITS = r"(?:[0-9]+(?:_[0-9]+)*)"
REAL = re.compile(rf"([+-]?)(?=\.?[0-9])({DIGITS}?)(?:\.({DIGITS}?))?(?:[eE]([+-]?[0-9]+))?")
MAXIMUM_EXPONENT = 400
LARGEST = 1.7976931348623157e308  # what a double can hold
BOOLS = {"1": True, "t": True, "y": True, "true": True, "yes": True,
         "0": False, "f": False, "n": False, "false": False, "no": False}


def integer(text: str) -> int | None:
    """The integer `text` stands for, in any of Click's bases, or None."""
    match = INTEGER.fullmatch(text)
    if not match:
        return None
    sign, hexadecimal, binary, octal, decimal = match.groups()
    if hexadecimal:
        value = int(hexadecimal, 16)
    elif binary:
        value = int(binary, 2)
    elif octal:
        value = int(octal, 8)
    elif len(decimal) <= 1000:
        value = int(decimal)
    else:
        return None
    return -value if sign == "-" else value


def scaled(text: str, scale: int, divisor: int = 1) -> int | None:
    """The real `text` times `scale` over `divisor`, rounded half away from zero; None if no number or far too big."""
    match = REAL.fullmatch(text)
    if not match:
        return None
    sign, whole, fraction, exponent_text = (group or "" for group in match.groups())
    fraction = fraction.replace("_", "")
    digits = whole.replace("_", "") + fraction
    exponent = int(exponent_text or 0) - len(fraction) if len(exponent_text) < 10 else MAXIMUM_EXPONENT + 1
    if len(digits) > 1000 or exponent > MAXIMUM_EXPONENT:
        return None
    value = int(digits) * scale
    if exponent < -2000:
        return 0
    if exponent >= 0:
        value *= 10 ** exponent
    else:
        divisor *= 10 ** -exponent
    value = (2 * value + divisor) // (2 * divisor)
    return -value if sign == "-" else value


def check_range(value: int, minimum: int | None, maximum: int | None, show: Callable[[int], str] = str) -> int:
    """`value`, if it lies within the bounds; else an error that shows the bound it breaks."""
    if minimum is not None and value < minimum:
        raise ArgumentError(f"out of range, bound {show(minimum)}")
    if maximum is not None and value > maximum:
        raise ArgumentError(f"out of range, bound {show(maximum)}")
    return value


class Integer(ArgumentType[int]):
    """A signed integer, of 32 bits unless it has other bounds; decimal, 0x, 0b or (leading 0) octal."""

    name = "integer"
    minimum: int | None = -1 << 31
    maximum: int | None = (1 << 31) - 1

    def __init__(self, minimum: int | None = None, maximum: int | None = None) -> None:
        if minimum is not None:
            self.minimum = minimum
        if maximum is not None:
            self.maximum = maximum

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        value = integer(text)
        if value is None:
            raise ArgumentError(f"parse error: invalid number {brief(text)}")
        return check_range(value, self.minimum, self.maximum)


class Unsigned(Integer):
    """An unsigned 32-bit integer."""

    name = "unsigned integer"
    minimum = 0
    maximum = (1 << 32) - 1


class Byte(Unsigned):
    """An unsigned 8-bit integer."""

    name = "byte"
    maximum = 255


class Unsigned16(Unsigned):
    """An unsigned 16-bit integer."""

    maximum = 65535


class Integer64(Integer):
    """A signed 64-bit integer."""

    minimum = -1 << 63
    maximum = (1 << 63) - 1


class Unsigned64(Unsigned):
    """An unsigned 64-bit integer."""

    maximum = (1 << 64) - 1


class Bool(ArgumentType[bool]):
    """True or false: `1 0 t f y n true false yes no`, in lower case."""

    name = "bool"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> bool:
        try:
            return BOOLS[text]
        except KeyError:
            raise self.error(text, "is not a bool (true or false)") from None

    def unparse(self, value: bool) -> str:
        return "true" if value else "false"


class Real(ArgumentType[float]):
    """A real number, as a float."""

    name = "real"

    def __init__(self, minimum: float = -LARGEST, maximum: float = LARGEST) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> float:
        if not REAL.fullmatch(text):
            raise ArgumentError(f"parse error: invalid number {brief(text)}")
        value = float(text.replace("_", ""))
        if value < self.minimum:
            raise ArgumentError(f"out of range, bound {self.minimum}")
        if value > self.maximum:
            raise ArgumentError(f"out of range, bound {self.maximum}")
        return value

    def unparse(self, value: float) -> str:
        return repr(float(value))


class DecimalFixedPoint(ArgumentType[int]):
    """A real number times 10 to the power `digits`, as an unsigned 32-bit integer unless it has other bounds."""

    name = "real"

    def __init__(self, digits: int, minimum: int = 0, maximum: int = (1 << 32) - 1) -> None:
        self.scale: int = 10 ** digits
        self.minimum = minimum
        self.maximum = maximum

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        value = scaled(text, self.scale)
        if value is None:
            raise ArgumentError(f"parse error: invalid number {brief(text)}")
        return check_range(value, self.minimum, self.maximum, self.unparse)

    def unparse(self, value: int) -> str:
        whole, rest = divmod(abs(value), self.scale)
        text = str(whole)
        if rest:
            digits = ""
            while rest:
                digit, rest = divmod(rest * 10, self.scale)
                digits += str(digit)
            text += f".{digits}"
        return f"-{text}" if value < 0 else text


class FixedPoint(DecimalFixedPoint):
    """A real number with `bits` bits of fraction, as an unsigned 32-bit integer unless it has other bounds."""

    def __init__(self, bits: int, minimum: int = 0, maximum: int = (1 << 32) - 1) -> None:
        super().__init__(0, minimum, maximum)
        self.scale = 1 << bits
