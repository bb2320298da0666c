"""Filters of connections: IPFilter's patterns, asked about the packet that began one, as it came or as it left."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

from elements.ip.filter_names import Resolve, Vocabulary
from elements.ip.filter_parser import Parser
from elements.standard.classification import Program
from elements.standard.decision import (
    All,
    Always,
    AnyOf,
    Choice,
    Condition,
    Equal,
    Greater,
    Not,
    Present,
    compile_program,
)
from elements.standard.decision_graph import ANNOTATION, NETWORK, TRANSPORT
from elements.standard.pattern_error import PatternError
from netos.args.wellknown import well_known

TRANSLATED_TRANSPORT = 64       # flow_scan.pyx puts the translated packet's transport header there


class FlowParser(Parser):
    """Reads a pattern each primitive of which is true of a packet if it is before its translation, or after."""

    def primitive(self) -> Condition:
        condition = super().primitive()
        if isinstance(condition, Not):
            return Not(either(condition.condition))
        return either(condition)


def either(condition: Condition) -> Condition:
    """The condition, of the packet as it came or as it left."""
    after = translated(condition)
    return condition if after == condition else AnyOf((condition, after))


def moved(offset: int) -> int:
    """Where the same bytes of the translated packet are."""
    if offset >= ANNOTATION:
        return offset
    return offset - TRANSPORT + TRANSLATED_TRANSPORT if offset >= TRANSPORT else offset - NETWORK


@singledispatch
def translated(condition: Condition) -> Condition:
    """The condition on the packet as it left."""
    return condition


@translated.register(Equal)
@translated.register(Greater)
def _(condition: Equal | Greater) -> Condition:
    if condition.offset < NETWORK:
        return condition
    if condition.offset < ANNOTATION and moved(condition.offset) > NETWORK - 4:
        return Always(False)
    return replace(condition, offset=moved(condition.offset))


@translated.register(Not)
@translated.register(Present)
def _(condition: Not | Present) -> Condition:
    return replace(condition, condition=translated(condition.condition))


@translated.register(All)
@translated.register(AnyOf)
def _(condition: All | AnyOf) -> Condition:
    return replace(condition, conditions=tuple(map(translated, condition.conditions)))


@translated.register(Choice)
def _(condition: Choice) -> Condition:
    return Choice(tuple((translated(case), translated(then)) for case, then in condition.cases),
                  translated(condition.otherwise))


def compile_flow_filter(text: str, resolve: Resolve = well_known) -> Program:
    """The program that sends what is wanted to output 0; raises PatternError."""
    parser = FlowParser(text, Vocabulary(resolve))
    condition = parser.parse()
    if parser.complaints:
        raise PatternError(complaint.problem(0) for complaint in parser.complaints)
    return compile_program([(condition, 0)], headers=True)
