"""Case files: packets in and the packets expected out, line by line; see docs/testing.md for the format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any, NamedTuple

from netos.errors import NetosError
from netos.packet import DROP_NAMES
from netos.testing.cases_packets import NoScapyError, PacketError, each_packet, evaluate, frame_bytes
from netos.testing.cases_patterns import HexPattern, LayerPattern
from netos.testing.cases_steps import CheckDrops, CheckHandler, Expect, ExpectNothing, Ignore, Send, Step, Wait

QUOTED = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
PYTHON_COMMENT = re.compile(rf"({QUOTED})|#.*")
COMMENT = re.compile(r"(?:^|\s)#.*")
BEGINNING = re.compile(r"\s*(?:case|set|let|send|expect|ignore|wait|handler|drops)\s")
PYTHON = re.compile(r"\s*(?:send|expect|let)\b")
STRINGS = re.compile(QUOTED)
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
HANDLER = re.compile(r"(\S+?)\s*==\s*(.*)", re.DOTALL)


class CaseError(NetosError):
    """A case file was refused: everything that is wrong with it, each with its file and line."""


class Statement(NamedTuple):
    """A step, and where and how it is written."""

    line: int
    text: str
    step: Step


class Case:
    """A named case: configuration variables and steps."""

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.variables: dict[str, str] = {}
        self.steps: list[Statement] = []


class CaseFile:
    """The cases of a file; what stands before the first of them is done at the start of each (`common`)."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.common = Case("", 0)
        self.cases: list[Case] = []
        self._case = self.common
        self._shared: dict[str, Any] = {}
        self._names: dict[str, Any] = self._shared
        errors = []
        for number, line in logical_lines(text):
            try:
                self._statement(number, line)
            except PacketError as error:
                errors.append(f"{name}:{number}: {error}")
                if isinstance(error, NoScapyError):     # each line would say so
                    break
        if not self.cases and not errors:
            errors.append(f"{name}: there is no case in it: 'case NAME' begins one")
        if errors:
            raise CaseError("\n".join(errors))

    def _statement(self, number: int, line: str) -> None:
        verb, rest = [*line.split(None, 1), ""][:2]
        if verb == "case":
            if not rest or rest in (case.name for case in self.cases):
                raise PacketError(f"there is a case '{rest}' already" if rest else "a case needs a name")
            self._case = Case(rest, number)
            self._names = dict(self._shared)
            self.cases.append(self._case)
        elif verb == "set":
            self._set(rest)
        elif verb == "let":
            match = matched(ASSIGNMENT, rest, "let NAME = EXPRESSION")
            if iskeyword(match[1]):
                raise PacketError(f"'{match[1]}' is a word of Python's and cannot be a name")
            self._names[match[1]] = evaluate(match[2], self._names)
        elif verb in STEPS:
            self._case.steps.append(Statement(number, line, STEPS[verb](rest, self._names)))
        else:
            hint = get_close_matches(verb, [*STEPS, "case", "set", "let"], n=1)
            raise PacketError(f"'{verb}' is no statement{f'; did you mean {hint[0]}?' if hint else ''}")

    def _set(self, rest: str) -> None:
        match = matched(ASSIGNMENT, rest, "set NAME=VALUE")
        if self._case.steps:
            raise PacketError("the appliance runs already: 'set' comes before the other statements")
        self._case.variables[match[1]] = match[2]


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Statements with their line numbers, without comments; one with packets goes on while a bracket is open."""
    waiting, start, depth = "", 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if depth > 0 and BEGINNING.match(line):         # the bracket was forgotten: complain here, not at the end
            yield start, waiting
            depth = 0
        python = depth > 0 or PYTHON.match(line) is not None
        line = PYTHON_COMMENT.sub(lambda match: match[1] or "", line) if python else COMMENT.sub("", line)
        if depth <= 0:
            waiting, start, depth = "", number, 0
        waiting = f"{waiting} {line.strip()}".strip()
        if python:
            bare = STRINGS.sub("", line)
            depth += sum(map(bare.count, "([{")) - sum(map(bare.count, ")]}"))
        if waiting and depth <= 0:
            yield start, waiting
    if depth > 0:
        yield start, waiting


def matched(pattern: re.Pattern[str], text: str, usage: str) -> re.Match[str]:
    """The match of a whole text, or PacketError with what was meant."""
    match = pattern.fullmatch(text)
    if match is None:
        raise PacketError(f"this should read: {usage}")
    return match


def device_and_packet(rest: str, usage: str) -> tuple[str, str, bool]:
    """A device, the text of a packet, and whether it is hexadecimal."""
    device, packet = [*rest.split(None, 1), "", ""][:2]
    if not packet:
        raise PacketError(f"this should read: {usage}")
    hexadecimal = re.match(r"hex\b\s*", packet)
    return device, packet[hexadecimal.end():] if hexadecimal else packet, hexadecimal is not None


def send(rest: str, names: dict[str, Any]) -> Step:
    """`send DEVICE PACKET`"""
    device, packet, hexadecimal = device_and_packet(rest, "send DEVICE PACKET")
    if hexadecimal:
        return Send(device, [HexPattern(packet).data()])
    return Send(device, [frame_bytes(one) for one in each_packet(evaluate(packet, names))])


def expect(rest: str, names: dict[str, Any]) -> Step:
    """`expect DEVICE PACKET`, `expect nothing [DEVICE]`"""
    if rest.split()[:1] == ["nothing"]:
        return ExpectNothing(matched(re.compile(r"nothing\s*(\S*)"), rest, "expect nothing [DEVICE]")[1])
    device, packet, hexadecimal = device_and_packet(rest, "expect DEVICE PACKET, or: expect nothing [DEVICE]")
    if hexadecimal:
        return Expect(device, [HexPattern(packet)])
    return Expect(device, [LayerPattern(one) for one in each_packet(evaluate(packet, names))])


def ignore(rest: str, _names: dict[str, Any]) -> Step:
    """`ignore [DEVICE]`"""
    return Ignore(matched(re.compile(r"\S*"), rest, "ignore [DEVICE]").group())


def wait(rest: str, _names: dict[str, Any]) -> Step:
    """`wait SECONDS`"""
    return Wait(float(matched(re.compile(r"\d+(?:\.\d*)?|\.\d+"), rest, "wait SECONDS").group()))


def handler(rest: str, _names: dict[str, Any]) -> Step:
    """`handler ELEMENT.HANDLER == VALUE`"""
    match = matched(HANDLER, rest, "handler ELEMENT.HANDLER == VALUE")
    return CheckHandler(match[1], match[2].strip())


def drops(rest: str, _names: dict[str, Any]) -> Step:
    """`drops ELEMENT REASON COUNT`"""
    match = matched(re.compile(r"(\S+)\s+(\S+)\s+(\d+)"), rest, "drops ELEMENT REASON COUNT")
    if match[2] not in DROP_NAMES:
        hint = get_close_matches(match[2], DROP_NAMES, n=1)
        advice = f"did you mean {hint[0]}?" if hint else f"there are {', '.join(DROP_NAMES)}"
        raise PacketError(f"there is no reason '{match[2]}' to drop a packet; {advice}")
    return CheckDrops(match[1], match[2], int(match[3]))


STEPS: dict[str, Callable[[str, dict[str, Any]], Step]] = {
    "send": send, "expect": expect, "ignore": ignore, "wait": wait, "handler": handler, "drops": drops}
