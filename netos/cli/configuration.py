"""What the verbs share: read a configuration, complain about it, make its router."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from netos.errors import ConfigError, Diagnostics, NetosError

if TYPE_CHECKING:
    from netos.control.replicas import Replicas
    from netos.kernel.boot import BootChart
    from netos.lang import Graph
    from netos.router import Router

Made = TypeVar("Made", "Router", "Replicas")
DEFINITION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
REFUSED = 3             # exit status of a configuration with errors


class UsageError(NetosError):
    """The command line makes no sense; exit status 2."""


def split_definitions(arguments: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE arguments as a dictionary."""
    found = {}
    for argument in arguments:
        match = DEFINITION.fullmatch(argument)
        if match is None:
            raise UsageError(f"'{argument}' is not NAME=VALUE")
        found[match[1]] = one_character_a_byte(match[2])
    return found


def one_character_a_byte(argument: str) -> str:
    """A command line argument as configuration text."""
    return os.fsencode(argument).decode("latin-1")


def read_configuration(file: str) -> tuple[str, str]:
    """The text of a file (- for standard input), one character a byte, and the name it has in messages.

    An ar archive is read for its member `config`, as Click does.
    """
    from netos.lang.archive import ArchiveError, configuration_text

    try:
        if file == "-":
            text, name = configuration_text(sys.stdin.buffer.read()), "<stdin>"
        else:
            with open(file, "rb") as source:
                text, name = configuration_text(source.read()), file
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except ArchiveError as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    if "\0" in text:
        raise UsageError(f"{name} is not a configuration: it has bytes of zero, as no text has")
    return text, name


def print_diagnostics(diagnostics: Diagnostics, source_lines: Any) -> None:
    """Write all of them to standard error, with the source line and a caret each."""
    from netos.lang.diagnostics import render

    sys.stderr.write(render(diagnostics, source_lines))


def parse_text(text: str, name: str, definitions: dict[str, str]) -> tuple[Graph, Diagnostics]:
    """The flat graph of a configuration and what is wrong with it; CLICKPATH says where libraries are."""
    from netos.lang import parse_config
    from netos.registry import default_registry

    path = [folder for folder in os.environ.get("CLICKPATH", "").split(":") if folder]
    return parse_config(text, name, class_info=default_registry.class_info, class_names=default_registry.names,
                        definitions=definitions, search_path=path)


def load_router(file: str, definitions: dict[str, str], *, chart: BootChart, text: str | None = None,
                **options: Any) -> Router | int:
    """Make and initialise the router of a file, or of a text already read; after errors, print them all and answer the
    exit status.
    """
    from netos.router import Router

    return load(file, definitions, lambda graph, found: Router(graph, diagnostics=found, **options), chart=chart,
                text=text)


def load_replicas(file: str, definitions: dict[str, str], jobs: int, *, chart: BootChart, text: str | None = None,
                  widen: int = 0) -> Replicas | int:
    """Likewise a router on each of `jobs` new virtual CPUs."""
    from netos.control.replicas import Replicas
    from netos.kernel.group import VcpuGroup
    from netos.registry import default_registry

    cpus = VcpuGroup(jobs).cpus
    return load(file, definitions, lambda graph, found: Replicas.build(
        graph, cpus, registry=default_registry, diagnostics=found, widen=widen), chart=chart, text=text)


def load(file: str, definitions: dict[str, str], make: Callable[[Graph, Diagnostics], Made], *, chart: BootChart,
         text: str | None = None) -> Made | int:
    """What `make` makes of the graph of a file, or of a text already read, initialised."""
    name = file
    if text is None:
        with chart.phase("read"):
            text, name = read_configuration(file)
    with chart.phase("parse"):
        graph, diagnostics = parse_text(text, name, definitions)
    try:
        with chart.phase("configure"):
            made = make(graph, diagnostics)
        with chart.phase("initialize"):
            made.initialize()
    except ConfigError as error:
        print_diagnostics(error.diagnostics, graph.source_lines)
        count = len(error.diagnostics.errors)
        print(f"netos: {name}: refused, {count} error{'' if count == 1 else 's'}: nothing of it was started",
              file=sys.stderr)
        return REFUSED
    print_diagnostics(diagnostics, graph.source_lines)
    return made
