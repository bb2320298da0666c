"""What Script's handlers compute from their parameters: arithmetic, comparison, logic, text. Text in, text out."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from functools import reduce

from netos.args.numbers import BOOLS, Real, integer
from netos.args.types import brief
from netos.errors import ArgumentError, HandlerError
from netos.handlers import text_of
from netos.lang.quoting import split_words, unquote

Number = int | float
FORMAT = re.compile(r"%(?:%|([-+ #0]*)(\d*|\*)(?:\.(\d*|\*))?(?:hh|h|ll|l|q|j|z|t|L)?([diouxXcseEfFgG]))")


def read_number(text: str) -> Number | None:
    """The number of 64 bits, or else the real, that a text stands for; None for any other text."""
    value = integer(text)
    if value is not None:
        return value if -1 << 63 <= value < 1 << 64 else None
    try:
        return Real().parse(text)
    except ArgumentError:
        return None


def number(word: str) -> Number:
    """The number a word stands for; raises HandlerError."""
    value = read_number(unquote(word))
    if value is None:
        raise HandlerError(f"expected numbers, not {brief(word)}")
    return value


def whole(word: str) -> int:
    """The integer a word stands for; raises HandlerError."""
    value = read_number(unquote(word))
    if not isinstance(value, int):
        raise HandlerError(f"expected integers, not {brief(word)}")
    return value


def truth(word: str) -> bool:
    """A bool; raises HandlerError."""
    try:
        return BOOLS[unquote(word.strip())]
    except KeyError:
        raise HandlerError(f"expected true or false, not {brief(word)}") from None


def shown(value: Number) -> str:
    """A result: integers have 64 bits, as in Click, so that no script can make them grow without end."""
    if isinstance(value, int):
        return str((value + (1 << 63)) % (1 << 64) - (1 << 63))
    return text_of(value)


def two(text: str) -> tuple[str, str]:
    """Exactly two words."""
    words = split_words(text)
    if len(words) != 2:
        raise HandlerError(f"expected two parameters, not {len(words)}")
    return words[0], words[1]


def divide(a: Number, b: Number) -> Number:
    """A real quotient, an integer where it is one."""
    if b == 0:
        raise HandlerError("division by zero")
    return a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b


def divide_whole(a: Number, b: Number) -> int:
    """An integer quotient, rounded towards zero."""
    if b == 0:
        raise HandlerError("division by zero")
    quotient = abs(a) // abs(b)
    return int(quotient if (a < 0) == (b < 0) else -quotient)


def remainder(a: Number, b: Number) -> Number:
    """What a division rounded towards zero leaves."""
    if b == 0:
        raise HandlerError("division by zero")
    if isinstance(a, int) and isinstance(b, int):
        return a - b * divide_whole(a, b)
    return math.fmod(a, b)


def folded(operation: Callable[[Number, Number], Number], alone: Callable[[Number], Number] = lambda value: value,
           read: Callable[[str], Number] = number) -> Callable[[str], str]:
    """A function of one or more numbers, taken from left to right; `alone` is what becomes of a single one."""
    def function(text: str) -> str:
        values = [read(word) for word in split_words(text)]
        if not values:
            raise HandlerError("expected a list of numbers")
        try:
            return shown(reduce(operation, values) if len(values) > 1 else alone(values[0]))
        except OverflowError:
            raise HandlerError("the result is too large") from None
    return function


def sum_of(text: str) -> str:
    """The sum of any number of numbers, 0 of none."""
    return shown(sum(number(word) for word in split_words(text)))


def single(operation: Callable[[Number], Number]) -> Callable[[str], str]:
    """A function of one number."""
    def function(text: str) -> str:
        words = split_words(text)
        if len(words) != 1:
            raise HandlerError(f"expected one number, not {len(words)}")
        return shown(operation(number(words[0])))
    return function


def modulus(text: str) -> str:
    """The remainder of two integers."""
    a, b = two(text)
    return shown(remainder(whole(a), whole(b)))


def real_remainder(text: str) -> str:
    """The remainder of two numbers."""
    a, b = two(text)
    return shown(remainder(number(a), number(b)))


def comparison(wanted: Callable[[int], bool]) -> Callable[[str], str]:
    """Compare two words, as numbers if both are, else as text."""
    def function(text: str) -> str:
        a, b = (unquote(word) for word in two(text))
        x, y = read_number(a), read_number(b)
        if x is None or y is None:
            return text_of(wanted((a > b) - (a < b)))
        return text_of(wanted((x > y) - (x < y)))
    return function


def logic(combine: Callable[[list[bool]], bool]) -> Callable[[str], str]:
    """A function of any number of bools."""
    return lambda text: text_of(combine([truth(word) for word in split_words(text)]))


def choose(text: str) -> str:
    """`if CONDITION A B`: A where the condition is true, else B."""
    words = split_words(text)
    if not 2 <= len(words) <= 3:
        raise HandlerError("expected CONDITION A B")
    return words[1] if truth(words[0]) else "".join(words[2:])


def among(text: str) -> str:
    """`in WORD WORDS...`: whether the first word is one of the others."""
    words = [unquote(word) for word in split_words(text)]
    if not words:
        raise HandlerError("expected WORD WORDS...")
    return text_of(words[0] in words[1:])


def first_word(text: str) -> str:
    """The first word, as it was written."""
    return (split_words(text) or [""])[0]


def swapped(bits: int) -> Callable[[str], str]:
    """An unsigned integer between host and network byte order."""
    def function(text: str) -> str:
        value = whole(text.strip())
        if not 0 <= value < 1 << bits:
            raise HandlerError(f"expected an unsigned integer of {bits} bits, not {brief(text)}")
        return str(int.from_bytes(value.to_bytes(bits // 8, "big"), sys.byteorder))
    return function


def formatted(text: str) -> str:
    """`sprintf FORMAT WORDS...`, with C's conversions except %n and %p."""
    words = [unquote(word) for word in split_words(text)]
    if not words:
        raise HandlerError("expected FORMAT VALUES...")
    template, arguments = words[0], words[1:]

    def take() -> str:
        if not arguments:
            raise HandlerError("too few parameters for the format")
        return arguments.pop(0)

    def replace(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        flags, width, precision, conversion = match.groups()
        width, precision = (str(whole(take())) if size == "*" else size for size in (width, precision))
        if max(int(width or 0), int(precision or 0)) > 65535:
            raise HandlerError("the format is too wide")
        layout = f"%{flags}{width}{'' if precision is None else '.' + precision}"
        return str(f"{layout}{conversion}" % converted(conversion, take()))

    if "%" in FORMAT.sub("", template):
        raise HandlerError(f"bad format {brief(template)}")
    result = FORMAT.sub(replace, template)
    if arguments:
        raise HandlerError("too many parameters for the format")
    return result


def converted(conversion: str, word: str) -> str | Number:
    """A parameter as the conversion needs it."""
    if conversion == "s":
        return word
    if conversion == "c":
        return chr(whole(word) & 255)
    if conversion in "eEfFgG":
        return float(number(word))
    return whole(word) if conversion in "di" else whole(word) & ((1 << 64) - 1)


FUNCTIONS: dict[str, Callable[[str], str]] = {
    "add": sum_of,
    "sub": folded(lambda a, b: a - b, lambda a: -a),
    "mul": folded(lambda a, b: a * b),
    "div": folded(divide, lambda a: divide(1, a)),
    "idiv": folded(divide_whole, lambda a: divide_whole(1, a), whole),
    "mod": modulus,
    "rem": real_remainder,
    "min": folded(min),
    "max": folded(max),
    "neg": single(lambda a: -a),
    "abs": single(abs),
    "eq": comparison(lambda order: order == 0),
    "ne": comparison(lambda order: order != 0),
    "gt": comparison(lambda order: order > 0),
    "ge": comparison(lambda order: order >= 0),
    "lt": comparison(lambda order: order < 0),
    "le": comparison(lambda order: order <= 0),
    "not": lambda text: text_of(not truth(text)),
    "and": logic(all),
    "or": logic(any),
    "nand": logic(lambda values: not all(values)),
    "nor": logic(lambda values: not any(values)),
    "if": choose,
    "in": among,
    "first": first_word,
    "length": lambda text: str(len(text)),
    "unquote": unquote,
    "sprintf": formatted,
    "htons": swapped(16),
    "ntohs": swapped(16),
    "htonl": swapped(32),
    "ntohl": swapped(32),
}
