"""The command line of `netos click`: Click's options, clustered and abbreviated as its driver reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netos.errors import NetosError

# What an option takes: no value, a value, or one that must be attached to it.
NONE, VALUE, ATTACHED = range(3)


class Option(NamedTuple):
    """An option: its long name, its letter, what it takes, and whether `--no-NAME` exists."""

    name: str
    letter: str
    takes: int
    negatable: bool
    meaning: str
    value: str = ""


OPTIONS = (
    Option("file", "f", VALUE, False, "read the configuration from FILE", "FILE"),
    Option("expression", "e", VALUE, False, "use EXPR as the configuration", "EXPR"),
    Option("threads", "j", VALUE, False, "run the tasks of StaticThreadSched on N threads (default 1)", "N"),
    Option("affinity", "a", ATTACHED, True, "pin threads to processors, from N on", "N"),
    Option("cpu", "", ATTACHED, True, "the same as --affinity", "N"),
    Option("port", "p", VALUE, False, "let operators of this host connect to a TCP port", "PORT[+]"),
    Option("unix-socket", "u", VALUE, False, "let operators connect to a UNIX socket", "FILE"),
    Option("socket", "", VALUE, False, "talk to operators on an open socket", "FD"),
    Option("allow-reconfigure", "R", NONE, True, "let the handler `hotconfig` replace the configuration"),
    Option("handler", "h", VALUE, False, "after the run, print the value of read handler ELEMENT.H", "ELEMENT.H"),
    Option("exit-handler", "x", VALUE, False, "take the exit status from read handler ELEMENT.H", "ELEMENT.H"),
    Option("output", "o", VALUE, False, "write the flat configuration to FILE", "FILE"),
    Option("quit", "q", NONE, False, "initialise the configuration, but do not run it"),
    Option("time", "t", NONE, False, "print how long the run took"),
    Option("simtime", "", ATTACHED, False, "run in simulated time, from T (default 1000000000)", "T"),
    Option("simulation-time", "", ATTACHED, False, "the same as --simtime", "T"),
    Option("no-warnings", "w", NONE, False, "do not print warnings"),
    Option("warnings", "", NONE, True, "print warnings (default)"),
    Option("clickpath", "C", VALUE, False, "look for libraries in the folders of PATH", "PATH"),
    Option("help", "", NONE, False, "print this and exit"),
    Option("version", "v", NONE, False, "print the version and exit"),
)
SAME = {"cpu": "affinity", "simulation-time": "simtime"}


class OptionError(NetosError):
    """The command line cannot be read."""


class Given(NamedTuple):
    """One option as it was given, or an argument that is none (its name is then empty)."""

    name: str
    value: str | None = None
    negated: bool = False


def read_options(arguments: Sequence[str]) -> list[Given]:
    """The options and arguments of a command line, in order; raises OptionError."""
    found: list[Given] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return found + [Given("", rest) for rest in waiting]
        if argument.startswith("--"):
            found.append(long_option(argument[2:], waiting))
        elif argument.startswith("-") and argument != "-":
            found += short_options(argument[1:], waiting)
        else:
            found.append(Given("", argument))
    return found


def long_option(text: str, waiting: list[str]) -> Given:
    """A long option, perhaps abbreviated, perhaps with `=VALUE`."""
    name, equals, value = text.partition("=")
    option, negated = find_long(name)
    if option.takes == NONE or negated:
        if equals:
            raise OptionError(f"'--{name}' can't take an argument")
        return Given(SAME.get(option.name, option.name), None, negated)
    if option.takes == VALUE and not equals:
        value = next_value(f"--{name}", waiting)
    return Given(SAME.get(option.name, option.name), value if equals or option.takes == VALUE else None)


def find_long(name: str) -> tuple[Option, bool]:
    """The option a long name stands for, and whether it is negated."""
    spellings = {option.name: (option, False) for option in OPTIONS}
    spellings.update((f"no-{option.name}", (option, True)) for option in OPTIONS if option.negatable)
    if name in spellings:
        return spellings[name]
    matching = [spelling for spelling in spellings if name and spelling.startswith(name)]
    if not matching:
        raise OptionError(f"unrecognized option '--{name}'")
    meanings = {(SAME.get(spellings[spelling][0].name, spelling), spellings[spelling][1]) for spelling in matching}
    if len(meanings) > 1:
        raise OptionError(f"option '--{name}' is ambiguous (could be --{' or --'.join(matching)})")
    return spellings[matching[0]]


def short_options(letters: str, waiting: list[str]) -> list[Given]:
    """A cluster of one-letter options, the last of which may have a value, attached or in the next argument."""
    found: list[Given] = []
    while letters:
        letter, letters = letters[0], letters[1:]
        option = next((option for option in OPTIONS if option.letter == letter), None)
        if option is None:
            raise OptionError(f"unrecognized option '-{letter}'")
        if option.takes == NONE:
            found.append(Given(option.name))
            continue
        value = letters or (next_value(f"-{letter}", waiting) if option.takes == VALUE else None)
        return [*found, Given(option.name, value)]
    return found


def next_value(option: str, waiting: list[str]) -> str:
    """The argument after an option that takes one."""
    if not waiting:
        raise OptionError(f"'{option}' requires an argument")
    return waiting.pop(0)


def help_text() -> str:
    """What --help prints."""
    lines = ["Usage: netos click [OPTION]... [NAME=VALUE]... [FILE]", "",
             "Run a configuration as Click's driver does; it is read from FILE, or from standard input.", ""]
    for option in OPTIONS:
        spelling = f"-{option.letter}, --{option.name}" if option.letter else f"    --{option.name}"
        if option.value:
            spelling += f" {option.value}" if option.takes == VALUE else f"[={option.value}]"
        lines.append(f"  {spelling:<34} {option.meaning}")
    return "\n".join([*lines, f"  {'NAME=VALUE':<34} define $NAME in the configuration", ""])
