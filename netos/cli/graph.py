"""netos graph: a picture of a configuration, as SVG, as DOT for Graphviz, or as text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import PurePath

from netos.cli.configuration import REFUSED, UsageError, print_diagnostics, read_configuration, split_definitions
from netos.lang import CheckedGraph, Graph

SUMMARY = "draw a configuration as SVG, DOT or text"
SUFFIXES = {".dot": "dot", ".gv": "dot", ".txt": "text"}


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos graph", description=SUMMARY)
    made.add_argument("file", metavar="FILE", help="the configuration, - for standard input")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", default=[],
                      help="define $NAME in the configuration")
    made.add_argument("--format", choices=("svg", "dot", "text"), help="default: what OUTPUT's suffix says, else svg")
    made.add_argument("-o", "--output", metavar="OUTPUT", default="-",
                      help="the file to write (default: standard output)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb: 0, or 3 for a configuration with errors, of which what can be drawn is drawn all the same."""
    options = parser().parse_intermixed_args(argv)
    from netos.lang import check_graph, parse_config
    from netos.registry import default_registry

    text, name = read_configuration(options.file)
    graph, diagnostics = parse_config(text, name, class_info=default_registry.class_info,
                                      class_names=default_registry.names,
                                      definitions=split_definitions(options.definitions))
    checked = check_graph(graph, default_registry.class_info)
    diagnostics.extend(checked.diagnostics)
    picture = draw(graph, checked, options.format or SUFFIXES.get(PurePath(options.output).suffix, "svg"))
    write(options.output, picture.encode())
    print_diagnostics(diagnostics, graph.source_lines)
    return REFUSED if diagnostics.has_errors else 0


def draw(graph: Graph, checked: CheckedGraph, form: str) -> str:
    """The picture of a graph in a form."""
    from netos.registry import default_registry

    if form == "text":
        from netos.cli.graph_text import visible
        from netos.cli.picture import picture

        return visible(picture(graph)) + "\n"
    known = [default_registry.find(element.class_name) is not None for element in graph.elements]
    if form == "dot":
        from netos.cli.graph_dot import dot

        return dot(graph, checked.elements, known)
    from netos.cli.graph_svg import svg

    return svg(graph, checked.elements, known)


def write(output: str, content: bytes) -> None:
    """Write the picture to a file, or to standard output for -."""
    if output == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    try:
        with open(output, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
