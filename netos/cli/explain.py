"""netos explain: what an element class does, its arguments, ports, processing and handlers."""

from __future__ import annotations

import argparse
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

SUMMARY = "explain an element class: arguments, ports, handlers"
PROCESSING = {"h": "push", "l": "pull", "a": "agnostic"}
DEFAULT_HANDLERS = "class, name, config, ports, handlers"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos explain", description=SUMMARY)
    made.add_argument("classes", metavar="ELEMENT", nargs="+", help="the name of an element class")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 1 when there is no such class."""
    from netos.lang.names import Guesser
    from netos.registry import default_registry

    status = 0
    for index, name in enumerate(parser().parse_args(argv).classes):
        found = default_registry.find(name)
        if found is None:
            hints = Guesser().suggest(name, default_registry.names)
            print(f"netos explain: no element class '{name}'{'; ' if hints else ''}{''.join(hints)}", file=sys.stderr)
            status = 1
            continue
        print(("\n" if index and not status else "") + "\n".join(explanation(found)))
    return status


def explanation(element_class: Any) -> Iterator[str]:
    """The lines about a class."""
    from netos.args import Syntax

    syntax = Syntax.of(element_class.configure)
    yield syntax.usage(element_class.__name__)
    yield ""
    yield from (f"  {line}".rstrip() for line in (inspect.getdoc(element_class) or "").splitlines())
    yield ""
    if syntax.parameters:
        yield "Arguments"
        yield from table([(parameter.keyword or parameter.name.upper(), argument(parameter))
                          for parameter in syntax.parameters])
    inputs, _, outputs = element_class.ports.partition("/")
    yield f"Ports       {inputs} in, {outputs or inputs} out ({element_class.ports})"
    yield f"Processing  {processing(element_class.processing)} ({element_class.processing})"
    yield f"Flow        {element_class.flow}"
    yield "Handlers"
    found = [(f"{handler.name} ({handler.flags})", meaning(element_class, handler.name))
             for handler in handlers(element_class)]
    yield from table([row for row in found if row[1]])
    plain = [name for name, text in found if not text]
    if plain:
        yield from textwrap.wrap(", ".join(plain), 100, initial_indent="  ", subsequent_indent="  ")
    yield f"  and every element's: {DEFAULT_HANDLERS}"


def argument(parameter: Any) -> str:
    """What an argument is: its type, whether it must be given, its default."""
    text = str(parameter.type.name)
    if parameter.kind == "rest":
        return f"{text}, any number"
    if parameter.mandatory:
        return f"{text}, required"
    if parameter.type.deprecated is not None:
        text += ", deprecated"
    if parameter.default is None or parameter.default == "":
        return text
    try:
        return f"{text}, default {parameter.type.unparse(parameter.default)}"
    except (TypeError, ValueError, AttributeError):
        return f"{text}, default {parameter.default}"


def processing(code: str) -> str:
    """A processing code in words: agnostic, push to pull, and so on."""
    before, _, after = code.lower().partition("/")
    sides = [", ".join(PROCESSING.get(letter, letter) for letter in side) for side in (before, after or before)]
    return sides[0] if sides[0] == sides[1] else f"{sides[0]} to {sides[1]}"


def handlers(element_class: Any) -> list[Any]:
    """The handlers of the class that are there for all to see."""
    from netos.handlers import element_handlers

    return [handler for handler in element_handlers(element_class()).values() if not handler.private]


def meaning(element_class: Any, name: str) -> str:
    """What the class says about a handler: the first line of the method's or property's description."""
    for kind in element_class.__mro__:
        members = [kind.__dict__.get(name)] if name in kind.__dict__.get("handlers", ()) else []
        members += [member for member in kind.__dict__.values()
                    if name in getattr(member, "netos_read", ()) or name in getattr(member, "netos_write", ())]
        for member in members:
            lines = (inspect.getdoc(member) or "").splitlines()
            if lines and not lines[0].startswith(("getset", f"{name}: ")):
                return lines[0]
    return ""


def table(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"  {name:<{width}}  {text}".rstrip()
