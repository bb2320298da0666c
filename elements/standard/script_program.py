"""The instructions of a Script, compiled: configuration arguments in, a list of instructions and labels out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from netos.args import ArgumentErrors
from netos.args.numbers import integer
from netos.args.types import closest
from netos.errors import ArgumentError
from netos.lang.quoting import shift_word, split_words

VARIABLE = re.compile(r"[A-Za-z0-9_]+")
REDIRECTION = re.compile(r"(>>?)\s*(?=\S)")

# What is written, to what it does. A q at the end of a name takes one level of quotes off the argument.
OPERATIONS = {
    "append": "save", "end": "goto", "error": "error", "errorq": "error", "exit": "goto", "export": "export",
    "exportq": "export", "goto": "goto", "init": "init", "initq": "init", "label": "label", "loop": "goto",
    "pause": "wait_step", "print": "print", "printn": "print", "printnq": "print", "printq": "print", "read": "read",
    "readq": "read", "return": "return", "returnq": "return", "save": "save", "set": "set", "setq": "set",
    "stop": "stop", "wait": "wait_step", "wait_for": "wait_time", "wait_step": "wait_step", "wait_stop": "wait_step",
    "wait_time": "wait_time", "write": "write", "writeq": "write",
}
ASSIGNMENTS = ("set", "init", "export")
WAITS = ("wait_step", "wait_time")
FIXED_JUMPS = {"end": "end", "exit": "exit", "loop": "begin"}


class Instruction(NamedTuple):
    """One instruction; `text` is its argument, expanded when it runs."""

    operation: str
    text: str = ""
    name: str = ""          # the variable, the label, or the file with > or >> before it
    number: int = 0         # the steps of wait_step, the place a goto leads to
    unquoted: bool = False
    newline: bool = True    # print ends its text with one


class Program:
    """What a script does.

    After the instructions written come the implicit last one (`stop` in a driver script, else `end`), and one each
    for `goto stop` and `goto error`.
    """

    def __init__(self, arguments: Sequence[str], driver: bool = False) -> None:
        self.instructions: list[Instruction] = []
        self.labels: dict[str, int] = {}
        errors: list[tuple[ArgumentError, int | None]] = []
        origins: dict[int, int] = {}
        for position, argument in enumerate(arguments):
            word, rest = shift_word(argument)
            if not word or word.startswith("#"):
                continue
            try:
                self.add(instruction(word, rest))
                origins[len(self.instructions) - 1] = position
            except ArgumentError as error:
                errors.append((error, position))
        if not self.instructions and driver:
            self.add(Instruction("wait_step", number=1))
        self.add(Instruction("stop" if driver else "end"))
        self.last = len(self.instructions) - 1
        self.instructions += [Instruction("stop"), Instruction("error")]
        for place, found in enumerate(self.instructions):
            if found.operation == "goto":
                target = self.find(found.name)
                if target is None:
                    errors.append((self.no_label(found.name), origins.get(place)))
                else:
                    self.instructions[place] = found._replace(number=target)
        if errors:
            errors.sort(key=lambda error: -1 if error[1] is None else error[1])
            raise ArgumentErrors([error for error, _ in errors], [position for _, position in errors], repeated=True)

    def add(self, added: Instruction) -> None:
        """Append an instruction; a program that does not begin with a wait begins with `initial`."""
        if not self.instructions and added.operation not in WAITS:
            self.instructions.append(Instruction("initial"))
        if added.operation == "label":
            self.labels.setdefault(added.name, len(self.instructions))
        self.instructions.append(added)

    def find(self, label: str) -> int | None:
        """The place of a label: those written, then begin, loop, end, stop, error and exit, which is past the end."""
        if label in self.labels:
            return self.labels[label]
        return {"begin": 0, "loop": 0, "end": self.last, "stop": self.last + 1, "error": self.last + 2,
                "exit": len(self.instructions)}.get(label)

    def no_label(self, label: str) -> ArgumentError:
        """The complaint about a label that is nowhere."""
        hint = closest(label, list(self.labels))
        return ArgumentError(f"no such label '{label}'{f'; did you mean {hint}?' if hint else ''}")


def instruction(word: str, rest: str) -> Instruction:
    """The instruction that an argument stands for, jumps not yet resolved; raises ArgumentError."""
    operation = OPERATIONS.get(word)
    if operation is None:
        hint = closest(word, list(OPERATIONS))
        raise ArgumentError(f"syntax error at '{word}': no such instruction"
                            f"{f'; did you mean {hint}?' if hint else ''}")
    unquoted = word.endswith("q")
    if word == "wait" and rest:
        operation = "wait_time"
    if operation in ASSIGNMENTS:
        return assignment(word, operation, rest, unquoted)
    if operation == "wait_step":
        return Instruction(operation, number=steps(word, rest))
    if operation in ("wait_time", "read", "write"):
        return Instruction(operation, wanted(word, rest), unquoted=unquoted)
    if operation == "label" or word == "goto":
        label, condition = shift_word(wanted(word, rest))
        if operation == "label" and condition:
            raise ArgumentError(f"syntax error at '{word}': a label is one word, not '{rest}'")
        return Instruction(operation, condition, label)
    if operation == "print":
        redirection = REDIRECTION.match(rest)
        file, rest = shift_word(rest[redirection.end():]) if redirection else ("", rest)
        return Instruction(operation, rest, redirection[1] + file if redirection else "", unquoted=unquoted,
                           newline=not word.startswith("printn"))
    if operation == "save":
        words = split_words(rest)
        if len(words) < 2:
            raise ArgumentError(f"syntax error at '{word}': expected '{word} HANDLER FILE'")
        return Instruction("print", rest[:rest.rindex(words[-1])].rstrip(),
                           (">>" if word == "append" else ">") + words[-1], newline=False)
    if operation in ("return", "error"):
        return Instruction(operation, rest, unquoted=unquoted)
    if rest:
        raise ArgumentError(f"syntax error at '{word}': it takes no argument")
    return Instruction(operation, name=FIXED_JUMPS.get(word, ""))


def wanted(word: str, rest: str) -> str:
    """The argument of an instruction that cannot do without."""
    if not rest:
        raise ArgumentError(f"syntax error at '{word}': it needs an argument")
    return rest


def steps(word: str, rest: str) -> int:
    """The argument of wait_step."""
    count = integer(rest) if rest else 1
    if count is None or count < 0:
        raise ArgumentError(f"syntax error at '{word}': '{rest}' is not a number of steps")
    return count


def assignment(word: str, operation: str, rest: str, unquoted: bool) -> Instruction:
    """`set VARIABLE [=] VALUE`."""
    name, value = shift_word(rest)
    if not VARIABLE.fullmatch(name):
        raise ArgumentError(f"syntax error at '{word}': '{name}' is not a variable's name")
    equals, after = shift_word(value)
    return Instruction(operation, after if equals == "=" else value, name, unquoted=unquoted)
