"""netos write: write to a handler of a running appliance."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from netos.cli.configuration import one_character_a_byte
from netos.cli.remote import generation_of, names_explained, print_json, reach, remote_parser

SUMMARY = "write to a handler of a running appliance"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("write", SUMMARY)
    made.add_argument("handler", metavar="HANDLER", help="ELEMENT.NAME, or NAME for a global one")
    made.add_argument("text", metavar="TEXT", nargs="?", default="", help="what to write; - for standard input")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 1 when there is no appliance, or it refuses: then nothing has changed."""
    options = parser().parse_args(argv)
    text = sys.stdin.buffer.read().decode("latin-1") if options.text == "-" else one_character_a_byte(options.text)
    with reach(options) as client, names_explained(client, options.handler):
        said = client.write(options.handler, text)
        if options.json:
            print_json({"generation": generation_of(client), "handler": options.handler, "message": said})
    return 0
