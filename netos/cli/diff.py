"""netos diff: what differs between two configurations, as graphs: elements, arguments and rules, connections."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Iterator, Sequence

from netos.cli.configuration import (
    DEFINITION,
    REFUSED,
    UsageError,
    parse_text,
    print_diagnostics,
    read_configuration,
    split_definitions,
)
from netos.errors import ConfigError
from netos.kernel.console import write_out
from netos.lang import Graph
from netos.lang.difference import Change, Difference, ElementChange, compare

SUMMARY = "say what differs between two configurations"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos diff", description=SUMMARY)
    made.add_argument("arguments", metavar="FILE | NAME=VALUE", nargs="+",
                      help="the old configuration and the new one, and definitions of $NAME in both")
    made.add_argument("--json", action="store_true", help="print the differences as JSON")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0 for the same, 1 when they differ, 3 when a configuration has errors."""
    options = parser().parse_args(argv)
    definitions = [argument for argument in options.arguments if DEFINITION.fullmatch(argument)]
    files = [argument for argument in options.arguments if argument not in definitions]
    if len(files) != 2:
        raise UsageError("two configurations, please: the old one and the new one")
    old, new = (graph_of(file, split_definitions(definitions)) for file in files)
    if old is None or new is None:
        return REFUSED
    difference = compare(old, new, has_rules)
    if options.json:
        print(json.dumps(difference.as_json(), indent=1))
    else:
        write_out("".join(f"{line}\n" for line in lines(difference)))
    return 1 if difference else 0


def graph_of(file: str, definitions: dict[str, str]) -> Graph | None:
    """The flat graph of a configuration; None when it has errors, which are printed."""
    from netos.router import Router

    text, name = read_configuration(file)
    graph, diagnostics = parse_text(text, name, definitions)
    try:
        Router(graph, diagnostics=diagnostics, simulated=0).close()
    except ConfigError as error:
        print_diagnostics(error.diagnostics, graph.source_lines)
        return None
    return graph


def has_rules(class_name: str) -> bool:
    """Whether a class takes a list of any length, in which the order counts: rules, patterns, routes."""
    from netos.registry import default_registry

    found = default_registry.find(class_name)
    return found is not None and any(parameter.kind is parameter.VAR_POSITIONAL
                                     for parameter in inspect.signature(found.configure).parameters.values())


def lines(difference: Difference) -> Iterator[str]:
    """The differences for people: + for what is new, - for what is gone, ~ for what is other."""
    if not difference:
        yield "no difference"
    for sign, elements in (("-", difference.removed), ("+", difference.added)):
        for element in elements:
            yield f"{sign} {element}{f'({element.configuration})' if element.configuration else ''}"
    for changed in difference.changed:
        yield heading(changed)
        for change in changed.changes:
            yield from change_lines(change, "rule" if changed.rules else "argument")
    for sign, links in (("-", difference.disconnected), ("+", difference.connected)):
        for source, output, target, port in links:
            yield f"{sign} {source} [{output}] -> [{port}] {target}"


def heading(changed: ElementChange) -> str:
    """Which element it is, under both names and classes where they differ."""
    name = changed.new.name if changed.old.name == changed.new.name else f"{changed.old.name}, now {changed.new.name},"
    was = "" if changed.old.class_name == changed.new.class_name else f", was {changed.old.class_name}"
    return f"~ {name} :: {changed.new.class_name}{was}"


def change_lines(change: Change, noun: str) -> Iterator[str]:
    """A changed argument or rule."""
    where = f"{noun} {change.position}: " if change.position else ""
    if change.old is not None:
        yield f"    - {where}{change.old}"
    if change.new is not None:
        yield f"    + {where}{change.new}"
