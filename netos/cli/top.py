"""netos top: what a running appliance does right now, element by element."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from netos.cli.rates import Counts, rates_between, short
from netos.cli.remote import reach, remote_parser
from netos.control.client import ControlClient, ControlError

SUMMARY = "show what a running appliance does: rates, drops, queues, CPU shares"
CLEAR = "\x1b[H\x1b[J"
WORDS = ("ELEMENT", "CLASS", "DEVICE", "REASON", "LAST PACKET")     # columns that are not numbers
DEVICE_HEADS = ["DEVICE", "RX/s", "RX b/s", "TX/s", "TX b/s", "ERRORS/s"]
ELEMENT_HEADS = ["ELEMENT", "CLASS", "IN/s", "OUT/s", "b/s", "DROPS/s", "QUEUE", "CPU"]


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("top", SUMMARY)
    made.add_argument("--once", action="store_true", help="show one interval and exit")
    made.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="default %(default)s")
    made.add_argument("--plain", action="store_true",
                      help="plain text even on a terminal (colours need rich: pip install 'netos[tui]')")
    made.add_argument("--no-bytes", action="store_true",
                      help="do not have bytes counted meanwhile, which costs a little at every hop")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; with --json, print one line of JSON an interval."""
    options = parser().parse_args(argv)
    if not 0 < options.interval < 1e6:
        print(f"netos top: --interval {options.interval}: a number of seconds above 0 is wanted", file=sys.stderr)
        return 2
    with reach(options) as client:
        counting = not options.no_bytes and switch_bytes(client, True)
        try:
            watch(client, options)
        finally:
            if counting:
                switch_bytes(client, False)
    return 0


def switch_bytes(client: ControlClient, on: bool) -> bool:
    """Have bytes counted, or no more; return whether that is a change."""
    try:
        if client.read("byte_counts").strip() == ("true" if on else "false"):
            return False
        client.write("byte_counts", "true" if on else "false")
    except ControlError:            # a socket for reading only, or a connection that is gone
        return False
    return True


def counters(client: ControlClient) -> Counts:
    """A snapshot."""
    found: Counts = json.loads(client.read("counters"))
    return found


def watch(client: ControlClient, options: argparse.Namespace) -> None:
    """Show interval after interval."""
    before = counters(client)
    with shown(options) as show:
        while True:
            time.sleep(options.interval)
            after = counters(client)
            show(rates_between(before, after))
            if options.once:
                return
            before = after


def shown(options: argparse.Namespace) -> AbstractContextManager[Callable[[Counts], None]]:
    """What shows rates: JSON lines, plain tables, or on a terminal a display in its place, by rich where it is."""
    if options.json:
        return nullcontext(lambda rates: print(json.dumps(rates), flush=True))
    if not sys.stdout.isatty() or options.once or os.environ.get("TERM") == "dumb":
        return nullcontext(lambda rates: print("\n".join(table(rates)), flush=True))
    hint = ""
    if not options.plain:
        try:
            from netos.cli.top_rich import display

            return display()
        except ImportError:
            hint = "pip install 'netos[tui]' has this shown in colours; --plain leaves this line out\n"
    return nullcontext(lambda rates: print(
        CLEAR + "\n".join(table(rates, shutil.get_terminal_size().lines - 5 - bool(hint))) + "\n" + hint, end="",
        flush=True))


def headline(rates: Counts) -> str:
    """What is above the tables."""
    return f"generation {rates['generation']}, up {rates['uptime']:.0f} s, {rates['held']} packets held"


def table(rates: Counts, most: int = 0) -> Iterator[str]:
    """The lines of a display with at most that many elements, the busiest (0: all)."""
    yield headline(rates)
    devices = device_rows(rates)
    if devices:
        yield from columns(DEVICE_HEADS, devices)
    yield from columns(ELEMENT_HEADS, element_rows(rates, max(most - len(devices) - 1, 1) if most else 0))


def device_rows(rates: Counts) -> list[list[str]]:
    """The cells of all devices."""
    return [[name, *(short(found[what]) for what in ("rx", "rx_bits", "tx", "tx_bits", "errors"))]
            for name, found in rates["devices"].items()]


def element_rows(rates: Counts, most: int = 0) -> list[list[str]]:
    """The cells of at most that many elements, the busiest (0: all), in the order of the configuration."""
    names = list(rates["elements"])
    if most and len(names) > most:
        busiest = sorted(names, key=lambda name: -busyness(rates["elements"][name]))[:most]
        names = [name for name in names if name in busiest]
    return [element_row(name, rates["elements"][name]) for name in names]


def busyness(found: Counts) -> float:
    """What decides who is shown where there is no room for all."""
    return float(max(found["in"], found["out"]) + 1000 * found["drops"] + (found["cpu"] or 0))


def element_row(name: str, found: Counts) -> list[str]:
    """The cells of one element."""
    queue = f"{found['queue']}/{found['capacity']}" if found["queue"] is not None else ""
    share = f"{100 * found['cpu']:.1f}%" if found["cpu"] is not None else ""
    return [name, found["class"], short(found["in"]), short(found["out"]), short(found["bits"]), short(found["drops"]),
            queue, share]


def columns(heads: list[str], rows: list[list[Any]]) -> Iterator[str]:
    """Aligned columns: words to the left, numbers to the right."""
    widths = [max(len(str(row[place])) for row in [heads, *rows]) for place in range(len(heads))]
    words = [place for place, head in enumerate(heads) if head in WORDS]
    for row in [heads, *rows]:
        yield "  ".join(str(cell).ljust(width) if place in words else str(cell).rjust(width)
                        for place, (cell, width) in enumerate(zip(row, widths))).rstrip()
