"""netos rollback: go back to an earlier configuration of a running appliance."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from netos.cli.changing import change, who
from netos.cli.remote import remote_parser

SUMMARY = "go back to an earlier configuration of a running appliance"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("rollback", SUMMARY)
    made.add_argument("generation", metavar="N", nargs="?", type=int,
                      help="its number, as `netos read generations` lists them (default: the one before)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb: 0 when the earlier configuration runs, 3 when there is none or it was refused."""
    options = parser().parse_args(argv)
    number = "" if options.generation is None else f"{options.generation} "
    return change(options, "rollback", f"{number}by {who()}")
