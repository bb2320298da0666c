"""IPClassifier's patterns and IPFilter's rules, compiled to a decision program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from elements.ip.filter_lexer import Token
from elements.ip.filter_names import Resolve, Vocabulary
from elements.ip.filter_parser import Parser
from elements.ip.filter_values import read_number
from elements.standard.classification import Program
from elements.standard.decision import Condition, compile_program
from elements.standard.pattern_error import Complaint, PatternError, PatternProblem
from netos.args.wellknown import well_known

Warn = Callable[[PatternProblem], None]


def ignore(problem: PatternProblem) -> None:
    pass


def compile_ip_classifier(patterns: Sequence[str], *, resolve: Resolve = well_known, warn: Warn = ignore) -> Program:
    """The program that sends a packet to the output with the index of the first pattern it matches.

    `resolve(kind, name)` gives what names mean, as `Scope.database` does. Raises PatternError with everything that is
    wrong; `warn` is told what is odd.
    """
    return compile_rules(patterns, lambda index, parser: index, resolve, warn)


def compile_ip_filter(rules: Sequence[str], *, outputs: int | None = None, resolve: Resolve = well_known,
                      warn: Warn = ignore) -> Program:
    """The program for rules `ACTION PATTERN`: `allow` is output 0, `drop` and `deny` drop, a number is that output.

    `outputs` is how many there are; None allows any number.
    """
    return compile_rules(rules, lambda index, parser: action(parser, outputs), resolve, warn)


def compile_rules(texts: Sequence[str], output_of: Callable[[int, Parser], int | None], resolve: Resolve,
                  warn: Warn) -> Program:
    vocabulary = Vocabulary(resolve)
    rules: list[tuple[Condition, int | None]] = []
    problems: list[PatternProblem] = []
    for index, text in enumerate(texts):
        parser = Parser(text, vocabulary)
        output = output_of(index, parser)
        rules.append((parser.parse(), output))
        problems.extend(complaint.problem(index) for complaint in parser.complaints)
        for warning in parser.warnings:
            warn(warning.problem(index))
    if problems:
        raise PatternError(problems)
    try:
        return compile_program(rules, headers=True)
    except OverflowError as error:
        raise PatternError([PatternProblem(0, 0, 1, str(error))]) from None


def action(parser: Parser, outputs: int | None) -> int | None:
    """The output that a rule's first word names; None means to drop."""
    word: Token = parser.take()
    if word.text == "allow":
        number: int | None = 0
    elif word.text in ("drop", "deny"):
        if word.text == "deny" and outputs is not None and outputs > 1:
            parser.warnings.append(Complaint("meaning of 'deny' has changed (now it means 'drop')", word.column, 4))
        return None
    else:
        number = read_number(word.text)
    if number is None:
        parser.complaints.append(Complaint(f"unknown action '{word.text}': use allow, drop or the number of an output",
                                           word.column, len(word.text)))
    elif outputs is not None and number >= outputs:
        parser.complaints.append(Complaint(f"action '{word.text}' needs more than {outputs} outputs",
                                           word.column, len(word.text)))
    return number
