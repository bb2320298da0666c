"""Arithmetic of pcap-filter(7): expressions on numbers, the packet's length and its bytes, as classic BPF instructions.

A binary operation keeps its left side in a word of memory while it computes the right one. A field on either side of
an operator asks for its protocol; libpcap forgets that of the right side.
"""

from __future__ import annotations

from dataclasses import dataclass

from netos.proto.pcapfilter_code import (
    ADD_X,
    ARITHMETIC,
    AT_LEAST,
    BY_X,
    EQUAL,
    GREATER,
    LD_IMMEDIATE,
    LD_LENGTH,
    LD_MEMORY,
    LD_X,
    LDX_HEADER,
    NEGATE,
    STORE,
    SUB_X,
    TAX,
    Condition,
    Not,
    Test,
    every,
)
from netos.proto.pcapfilter_names import ETHER_PROTOCOLS
from netos.proto.pcapfilter_terms import Layout

MEMORY = 16
PRECEDENCE = {"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5}
GREEDY = ("^", "%")     # without precedence in libpcap's grammar: each takes the operand before and all that follows
RELATIONS = {">": (GREATER, False), ">=": (AT_LEAST, False), "=": (EQUAL, False), "==": (EQUAL, False),
             "<=": (GREATER, True), "<": (AT_LEAST, True), "!=": (EQUAL, True)}


class Unusable(Exception):
    """An expression that cannot be computed."""


@dataclass(frozen=True)
class Value:
    """An expression: `code` leaves it in A and uses memory from word 0 to `depth` - 1; `guards` must hold before."""

    code: tuple[tuple[int, int], ...]
    depth: int = 0
    guards: tuple[Condition, ...] = ()
    number: int | None = None


LENGTH = Value(((LD_LENGTH, 0),))


def number_value(number: int) -> Value:
    """A number."""
    return Value(((LD_IMMEDIATE, number & 0xFFFFFFFF),), 0, (), number)


def negated(value: Value) -> Value:
    """The value below zero."""
    return Value((*value.code, (NEGATE, 0)), value.depth, value.guards)


def field(layout: Layout, protocol: str, index: Value, size: int) -> Value:
    """The bytes of a protocol's header from an index on."""
    guards = layout.guards(protocol, index.guards)
    if protocol == "ether" or protocol in ETHER_PROTOCOLS or protocol == "icmp6":
        base = {"ether": 0, "icmp6": layout.network + 40}.get(protocol, layout.network)
        return Value((*index.code, (TAX, 0), (LD_X[size], base)), index.depth, guards)
    code = (*index.code, (LDX_HEADER, layout.network), (ADD_X, 0), (TAX, 0), (LD_X[size], layout.network))
    return Value(code, index.depth, guards)


def binary(operator: str, left: Value, right: Value) -> Value:
    """Two values and an operator; raises Unusable."""
    if right.number is not None:
        if operator in ("/", "%") and right.number == 0:
            raise Unusable("this divides by zero")
        if operator in ("<<", ">>") and right.number > 31:
            raise Unusable("this shifts by more than 31 bits")
    code, depth = together(left, right)
    return Value((*code, (ARITHMETIC[operator], 0)), depth, (*left.guards, *right.guards))


def together(left: Value, right: Value) -> tuple[tuple[tuple[int, int], ...], int]:
    """Code that leaves the left value in A and the right one in X, and how much memory it takes."""
    depth = max(left.depth, right.depth + 1)
    if depth > MEMORY:
        raise Unusable("this is nested too deep")
    moved = tuple((code, k + 1 if code in (STORE, LD_MEMORY) else k) for code, k in right.code)
    return (*left.code, (STORE, 0), *moved, (TAX, 0), (LD_MEMORY, 0)), depth


def relation(operator: str, left: Value, right: Value) -> Condition:
    """A comparison of unsigned 32-bit numbers; raises Unusable."""
    jump, opposite = RELATIONS[operator]
    code, _ = together(left, right)
    test: Condition = Test((*code, (SUB_X, 0)), EQUAL) if jump == EQUAL else Test(code, jump | BY_X)
    return every(*left.guards, *right.guards, Not(test) if opposite else test)
