"""netos handlers: list what a running appliance can be asked and told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from netos.cli.remote import generation_of, print_json, reach, remote_parser
from netos.control.client import ControlClient

SUMMARY = "list the handlers of a running appliance"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("handlers", SUMMARY)
    made.add_argument("element", metavar="ELEMENT", nargs="?",
                      help="an element or a pattern (default: the global handlers, and those of all elements)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 1 when there is no appliance, or no such element."""
    options = parser().parse_args(argv)
    with reach(options) as client:
        wanted = list(elements(client, options.element))
        if not wanted:
            print(f"netos handlers: no element matches '{options.element}': `netos read list` shows those that are",
                  file=sys.stderr)
            return 1
        found = {name: handlers_of(client, name) for name in wanted}
        if options.json:
            print_json({"generation": generation_of(client), "handlers": found})
            return 0
    for name, handlers in found.items():
        for handler, flags in handlers.items():
            print(f"{name}.{handler}\t{flags}" if name else f"{handler}\t{flags}")
    return 0


def elements(client: ControlClient, pattern: str | None) -> Iterator[str]:
    """The names that are asked for, "" for the global handlers."""
    if pattern is None:
        yield ""
    for name in client.read("list").splitlines()[1:]:
        if pattern is None or name == pattern or fnmatchcase(name, pattern):
            yield name


def handlers_of(client: ControlClient, element: str) -> dict[str, str]:
    """The handlers of an element, and Click's letters for what they can do."""
    lines = client.read(f"{element}.handlers" if element else "handlers").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)
