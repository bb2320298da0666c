"""netos reload: change a running appliance to another configuration, without losing packets or state."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from netos.cli.changing import change, who
from netos.cli.configuration import read_configuration, split_definitions
from netos.cli.remote import remote_parser

SUMMARY = "change a running appliance to another configuration"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("reload", SUMMARY)
    made.add_argument("file", metavar="FILE", help="the configuration, - for standard input")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", default=[],
                      help="define $NAME in the configuration")
    made.add_argument("--confirm", type=float, metavar="SECONDS",
                      help="go back to the old configuration unless `netos confirm` comes within that time")
    made.add_argument("--kill-states", choices=("none", "changed", "all"), default="none",
                      help="forget connections, so that the new rules judge them: those that they would not let begin, "
                      "or translate otherwise (changed), or all (default %(default)s)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb: 0 when the configuration runs now, 3 when it was refused and the old one goes on."""
    options = parser().parse_intermixed_args(argv)
    text, name = read_configuration(options.file)
    wanted = {"text": text, "filename": name, "definitions": split_definitions(options.definitions),
              "confirm": options.confirm, "who": who(), "kill_states": options.kill_states}
    return change(options, "reload", json.dumps(wanted))
