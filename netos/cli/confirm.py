"""netos confirm: keep the configuration that `netos reload --confirm` brought."""

from __future__ import annotations

from collections.abc import Sequence

from netos.cli.changing import change, who
from netos.cli.remote import remote_parser

SUMMARY = "keep the configuration that `netos reload --confirm` brought"


def main(argv: Sequence[str]) -> int:
    """Run the verb: 0 when it stays, 3 when there was nothing to confirm."""
    return change(remote_parser("confirm", SUMMARY).parse_args(argv), "confirm", who())
