"""What the verbs that talk to a running appliance share: how to reach it, and output for machines."""

from __future__ import annotations

import argparse
import json
from typing import Any

from netos.control.client import ControlClient, ControlError
from netos.control.paths import DEFAULT_NAME, find_socket


def remote_parser(verb: str, summary: str) -> argparse.ArgumentParser:
    """A parser with the options all these verbs have."""
    made = argparse.ArgumentParser(prog=f"netos {verb}", description=summary)
    made.add_argument("--socket", metavar="PATH|HOST:PORT", help="the appliance's control socket")
    made.add_argument("--name", default=DEFAULT_NAME, help="the appliance's name (default %(default)s)")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def reach(options: argparse.Namespace) -> ControlClient:
    """A connection to the appliance that the options name."""
    return ControlClient(options.socket or find_socket(options.name))


def generation_of(client: ControlClient) -> int | None:
    """Which configuration answers; None when the appliance does not count them."""
    try:
        return int(client.read("generation"))
    except (ControlError, ValueError):
        return None


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2))
