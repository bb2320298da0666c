"""Conditions on packets, as trees, and the classic BPF programs that test them."""

from __future__ import annotations

from dataclasses import dataclass

Instruction = tuple[int, int, int, int]         # code, jump when true, jump when false, k

LD = {4: 0x20, 2: 0x28, 1: 0x30}                # A := the bytes at k
LD_X = {4: 0x40, 2: 0x48, 1: 0x50}              # A := the bytes at X + k
LD_IMMEDIATE, LD_LENGTH, LD_MEMORY, LDX_MEMORY, LDX_HEADER, STORE = 0x00, 0x80, 0x60, 0x61, 0xB1, 0x02
AND_K, ADD_X, SUB_X, NEGATE, TAX = 0x54, 0x0C, 0x1C, 0x84, 0x07
ARITHMETIC = {"+": 0x0C, "-": 0x1C, "*": 0x2C, "/": 0x3C, "|": 0x4C, "&": 0x5C, "<<": 0x6C, ">>": 0x7C, "%": 0x9C,
              "^": 0xAC}
JUMP, EQUAL, GREATER, AT_LEAST, BITS, BY_X, RETURN = 0x05, 0x15, 0x25, 0x35, 0x45, 0x08, 0x06
ACCEPT = 0x40000


@dataclass(frozen=True)
class Test:
    """Instructions that load, and a jump that compares with `k`, or with X."""

    load: tuple[tuple[int, int], ...]
    jump: int
    k: int = 0


@dataclass(frozen=True)
class Not:
    """The opposite."""

    term: Condition


@dataclass(frozen=True)
class Every:
    """All of these, looked at in order as far as needed."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Some:
    """At least one of these, looked at in order as far as needed."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Constant:
    """Always, or never."""

    value: bool


Condition = Test | Not | Every | Some | Constant
NEVER = Constant(False)


def every(*terms: Condition) -> Condition:
    """All of these."""
    return terms[0] if len(terms) == 1 else Every(terms)


def some(*terms: Condition) -> Condition:
    """At least one of these."""
    return terms[0] if len(terms) == 1 else Some(terms)


class Assembler:
    """Puts a program together from its end; a label is the number of instructions from there on."""

    def __init__(self) -> None:
        self.backwards: list[tuple[int, int, int, int]] = [(RETURN, 0, 0, 0), (RETURN, 0, 0, ACCEPT)]

    def add(self, code: int, k: int = 0, when_true: int = 0, when_false: int = 0) -> int:
        """Put an instruction in front; its label."""
        self.backwards.append((code, when_true, when_false, k))
        return len(self.backwards)

    def test(self, condition: Condition, yes: int, no: int) -> int:
        """Put the test in front that goes on at one of two labels; its label."""
        match condition:
            case Constant(value):
                return yes if value else no
            case Not(term):
                return self.test(term, no, yes)
            case Every(terms):
                for term in reversed(terms):
                    yes = self.test(term, yes, no)
                return yes
            case Some(terms):
                for term in reversed(terms):
                    no = self.test(term, yes, no)
                return no
            case Test(load, jump, k):
                here = len(self.backwards)
                label = self.add(jump, k & 0xFFFFFFFF, here - yes, here - no)
                for code, operand in reversed(load):
                    label = self.add(code, operand & 0xFFFFFFFF)
                return label


def assemble(condition: Condition) -> list[Instruction]:
    """The program that accepts what meets the condition."""
    assembler = Assembler()
    start = assembler.test(condition, 2, 1)
    if start != len(assembler.backwards):
        assembler.add(JUMP, len(assembler.backwards) - start)
    return assembler.backwards[::-1]
