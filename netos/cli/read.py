"""netos read: print the value of a read handler of a running appliance."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from netos.cli.configuration import one_character_a_byte
from netos.cli.remote import generation_of, names_explained, print_json, reach, remote_parser
from netos.kernel.console import write_out

SUMMARY = "print the value of a handler of a running appliance"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("read", SUMMARY)
    made.add_argument("handler", metavar="HANDLER", help="ELEMENT.NAME, or NAME for a global one")
    made.add_argument("argument", metavar="ARG", nargs="?", default="",
                      help="what to give the handler, if it takes that")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 1 when there is no appliance, or it refuses."""
    options = parser().parse_args(argv)
    with reach(options) as client, names_explained(client, options.handler):
        value = client.read(options.handler, one_character_a_byte(options.argument))
        if options.json:
            print_json({"generation": generation_of(client), "handler": options.handler, "value": value})
        else:
            write_out(value if value.endswith("\n") or not value else f"{value}\n")
    return 0
