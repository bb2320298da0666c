"""netos check: say everything that is wrong with configurations, without starting anything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from netos.cli.configuration import (
    DEFINITION,
    REFUSED,
    parse_text,
    print_diagnostics,
    read_configuration,
    split_definitions,
)
from netos.errors import ConfigError

SUMMARY = "say everything that is wrong with a configuration"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos check", description=SUMMARY)
    made.add_argument("arguments", metavar="FILE | NAME=VALUE", nargs="*",
                      help="configurations (default: standard input), and definitions of $NAME in them")
    made.add_argument("-q", "--quiet", action="store_true", help="print nothing but what is wrong")
    made.add_argument("-w", "--no-warnings", action="store_true", help="do not print warnings")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, or 3 when a configuration has errors."""
    options = parser().parse_intermixed_args(argv)
    definitions = [argument for argument in options.arguments if DEFINITION.fullmatch(argument)]
    files = [argument for argument in options.arguments if argument not in definitions] or ["-"]
    fine = [check(file, split_definitions(definitions), options) for file in files]
    return 0 if all(fine) else REFUSED


def check(file: str, definitions: dict[str, str], options: argparse.Namespace) -> bool:
    """Check one configuration up to where its elements would be initialised; return whether it has no errors."""
    from netos.errors import Diagnostics
    from netos.router import Router

    text, name = read_configuration(file)
    graph, diagnostics = parse_text(text, name, definitions)
    try:
        Router(graph, diagnostics=diagnostics, simulated=0).close()
    except ConfigError as error:
        diagnostics = error.diagnostics
    shown = Diagnostics([entry for entry in diagnostics
                         if entry.severity != "warning" or not options.no_warnings])
    print_diagnostics(shown, graph.source_lines)
    errors, warnings = len(diagnostics.errors), len(diagnostics.warnings)
    if errors or not options.quiet:
        print(f"{name}: {counted(len(graph.elements), 'element')}, {counted(len(graph.connections), 'connection')}: "
              f"{counted(errors, 'error')}, {counted(warnings, 'warning')}", file=sys.stderr if errors else sys.stdout)
    return not errors


def counted(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
