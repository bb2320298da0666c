"""netos flows: the connections that a running appliance tracks or translates; count them, find some, forget some."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import count as numbers
from typing import Any

from netos.cli.remote import print_json, reach, remote_parser
from netos.control.client import ControlClient
from netos.errors import NetosError

SUMMARY = "list, count or kill the flows of a running appliance"
LIMIT = 1000
PAGE = 128
Table = dict[str, Any]


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("flows", SUMMARY)
    made.add_argument("filter", metavar="FILTER", nargs="*", default=[],
                      help="which flows, in IPFilter's language, as 'tcp and host 10.0.0.2 and not port 22'; it is "
                      "asked of the packet that began a flow, as it came or as it left translated (default: all)")
    made.add_argument("--table", metavar="ELEMENT", action="append",
                      help="flows of this element's table (default: of all tables)")
    made.add_argument("--state", metavar="STATE[,STATE]", action="append",
                      help="only in these states, named as the list names them")
    made.add_argument("-n", dest="limit", metavar="LIMIT", type=int, default=LIMIT,
                      help="list at most so many (default %(default)s; 0: all)")
    action = made.add_mutually_exclusive_group()
    action.add_argument("--count", action="store_true", help="print how many there are")
    action.add_argument("--kill", action="store_true", help="forget the flows that FILTER or --state wants")
    made.add_argument("--all", action="store_true", help="with --kill: forget all flows")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb."""
    options = parser().parse_intermixed_args(argv)
    expression = " ".join(options.filter)
    states = [state for states in options.state or () for state in states.split(",")]
    if options.limit < 0:
        print(f"netos flows: -n {options.limit}: a number of flows is wanted, 0 for all", file=sys.stderr)
        return 2
    if options.all and not options.kill:
        print("netos flows: --all goes with --kill; without FILTER all flows are listed", file=sys.stderr)
        return 2
    if options.kill and options.all == bool(expression or states):
        print("netos flows: --kill wants a FILTER or --state, or --all and neither", file=sys.stderr)
        return 2
    wanted = {"filter": expression, "states": states}
    with reach(options) as client:
        chosen = choose(json.loads(client.read("flow_tables")), options.table)
        if options.count or options.kill:
            return numbers_of(client, chosen, wanted, options.kill, options.json)
        if options.json:
            return list_json(client, chosen, wanted, options.limit)
        return list_text(client, chosen, wanted, options.limit)


def choose(tables: list[Table], names: list[str] | None) -> list[Table]:
    """The tables that are named by an element that uses them; all, if none is named."""
    for name in names or ():
        if not any(name in table["elements"] for table in tables):
            known = ", ".join(dict.fromkeys(table["table"] for table in tables))
            raise NetosError(f"'{name}' has no table of flows; {f'these have: {known}' if known else 'no element has'}")
    return [table for table in tables if not names or any(name in table["elements"] for name in names)]


def pages(client: ControlClient, table: Table, wanted: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    """A table's flows, a page at a time; with a limit of 0 only their numbers."""
    start: int | None = 0
    while start is not None:
        page = json.loads(client.read("flows", json.dumps(
            wanted | {"table": table["table"], "replica": table["replica"], "start": start, "limit": limit})))
        yield page
        start = page["next"]


def kill(client: ControlClient, table: Table, wanted: dict[str, Any]) -> int:
    """Forget the flows of a table that are wanted; how many there were."""
    start: int | None = 0
    killed = 0
    while start is not None:
        token = os.urandom(8).hex()
        client.write("flows_kill", json.dumps(wanted | {"table": table["table"], "replica": table["replica"],
                                                        "start": start, "token": token}))
        outcome = json.loads(client.read("flows_killed", token))
        killed += outcome["killed"]
        start = outcome["next"]
    return killed


def numbers_of(client: ControlClient, chosen: list[Table], wanted: dict[str, Any], killing: bool, machine: bool) -> int:
    """Count or kill, and say how many by table."""
    found: dict[str, int] = {}
    for table in chosen:
        number = kill(client, table, wanted) if killing else \
            sum(page["matched"] for page in pages(client, table, wanted, 0))
        found[table["table"]] = found.get(table["table"], 0) + number
    if machine:
        print_json({"killed" if killing else "count": sum(found.values()), "tables": found})
    else:
        each = "" if len(found) < 2 else ": " + ", ".join(f"{number} in {name}" for name, number in found.items())
        total = sum(found.values())
        print(f"{total} flow{'' if total == 1 else 's'}{' killed' if killing else ''}{each}")
    return 0


def listed(client: ControlClient, chosen: list[Table], wanted: dict[str, Any], limit: int
           ) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The flows, at most `limit` of them unless that is 0."""
    left = limit or None
    for table in chosen:
        for page in pages(client, table, wanted, PAGE if left is None else min(PAGE, left)):
            for flow in page["flows"]:
                yield table, flow
                left = None if left is None else left - 1
                if left == 0:
                    return


def list_json(client: ControlClient, chosen: list[Table], wanted: dict[str, Any], limit: int) -> int:
    """Print an array, a flow a line, as they come."""
    print("[", end="")
    for number, (table, flow) in zip(numbers(), listed(client, chosen, wanted, limit)):
        print(",\n " if number else "", json.dumps({"table": table["table"], "replica": table["replica"]} | flow),
              sep="", end="")
    print("]")
    return 0


def list_text(client: ControlClient, chosen: list[Table], wanted: dict[str, Any], limit: int) -> int:
    """Print a line a flow as they come, then how many there are."""
    several = len(chosen) > 1
    shown = 0
    for table, flow in listed(client, chosen, wanted, limit):
        if not shown:
            print(f"{'PROTO':<5} {'STATE':<14} {'LEFT':>9}  {'FLOW':<43} {'PACKETS':>13} {'BYTES':>17}  NOTES")
        shown += 1
        print(line(flow) + (f" {place(table)}" if several else ""))
    if not shown:
        print("no flow" + (" that fits" if wanted["filter"] or wanted["states"] else ""))
    elif shown == limit:
        total = sum(page["matched"] for table in chosen for page in pages(client, table, wanted, 0))
        if total > shown:
            print(f"{shown} of {total} flows; -n 0 lists all")
    return 0


def place(table: Table) -> str:
    """Which table, for people."""
    return f"in {table['table']}" + (f" of replica {table['replica']}" if table["replica"] else "")


def line(flow: dict[str, Any]) -> str:
    """A flow for people: what began it, what became of that by translation, both directions' packets and bytes."""
    notes = [note for note, noted in (("assured", flow["assured"]), ("unanswered", not flow["replied"]),
                                      ("unconfirmed", not flow["confirmed"])) if noted]
    if "translated" in flow:
        notes.insert(0, f"as {tuple_text(flow['translated'])}")
    return (f"{flow['protocol']:<5} {flow['state']:<14} {flow['left']:>8.0f}s  {tuple_text(flow['original']):<43} "
            f"{'/'.join(map(str, flow['packets'])):>13} {'/'.join(map(str, flow['bytes'])):>17}  {', '.join(notes)}"
            ).rstrip()


def tuple_text(ends: dict[str, Any]) -> str:
    """Both ends of a direction."""
    return f"{ends['source']}:{ends['source_port']} > {ends['destination']}:{ends['destination_port']}"
