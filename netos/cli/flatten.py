"""netos flatten: print a configuration without its compound elements, groups and variables (Click's click-flatten)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from netos.cli.configuration import (
    DEFINITION,
    REFUSED,
    UsageError,
    parse_text,
    print_diagnostics,
    read_configuration,
    split_definitions,
)
from netos.kernel.console import write_out

SUMMARY = "print a configuration without compound elements and variables"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos flatten", description=SUMMARY)
    made.add_argument("arguments", metavar="FILE | NAME=VALUE", nargs="*",
                      help="the configuration (default: standard input), and definitions of $NAME in it")
    made.add_argument("-o", "--output", metavar="FILE", default="-", help="write there (default: standard output)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, or 3 when the configuration has errors."""
    from netos.lang import check_graph, unparse
    from netos.registry import default_registry

    options = parser().parse_intermixed_args(argv)
    definitions = [argument for argument in options.arguments if DEFINITION.fullmatch(argument)]
    files = [argument for argument in options.arguments if argument not in definitions] or ["-"]
    if len(files) > 1:
        raise UsageError("one configuration at a time, please")
    text, name = read_configuration(files[0])
    graph, diagnostics = parse_text(text, name, split_definitions(definitions))
    diagnostics.extend(check_graph(graph, default_registry.class_info).diagnostics)
    print_diagnostics(diagnostics, graph.source_lines)
    if diagnostics.has_errors:
        return REFUSED
    if options.output == "-":
        write_out(unparse(graph))
        return 0
    try:
        with open(options.output, "wb") as output:
            output.write(unparse(graph).encode("latin-1"))
    except OSError as error:
        raise UsageError(f"cannot write {options.output}: {error.strerror}") from error
    return 0
