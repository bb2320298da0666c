"""What the verbs that talk to a running appliance share: how to reach it, and output for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def names_explained(client: ControlClient, handler: str) -> Iterator[None]:
    """What the appliance says of a name that it does not know, with those that are near, or how to see all."""
    try:
        yield
    except ControlError as error:
        raise ControlError(f"{error}{name_hint(client, handler, error.code)}", error.code) from None


def name_hint(client: ControlClient, handler: str, code: int) -> str:
    """"" for other errors than those of names."""
    from difflib import get_close_matches

    from netos.control.access import NO_ELEMENT, NO_HANDLER

    element, dot, name = handler.rpartition(".")
    if code == NO_ELEMENT:
        near = get_close_matches(element, client.read("list").splitlines()[1:])
        every = "netos read list"
    elif code == NO_HANDLER and "@" not in name:
        lines = client.read(f"{element}{dot}handlers").splitlines()
        near = get_close_matches(name, [line.partition("\t")[0] for line in lines])
        every = f"netos handlers {element}".rstrip()
    else:
        return ""
    return f"; did you mean {' or '.join(near)}?" if near else f"; `{every}` shows those that are"


def generation_of(client: ControlClient) -> int | None:
    """Which configuration answers; None when the appliance does not count them."""
    try:
        return int(client.read("generation"))
    except (ControlError, ValueError):
        return None


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2))
