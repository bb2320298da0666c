"""netos drops: which element of a running appliance dropped how many packets, why, and which was the last one."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from netos.cli.remote import print_json, reach, remote_parser
from netos.cli.top import columns
from netos.control.client import ControlClient

SUMMARY = "show why packets were dropped, and where"
Drops = dict[str, dict[str, int]]


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("drops", SUMMARY)
    made.add_argument("--packets", metavar="SECONDS", nargs="?", type=float, const=1.0,
                      help="watch for some seconds (default 1), and show the last packet that each element dropped")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb."""
    options = parser().parse_args(argv)
    if options.packets is not None and not 0 <= options.packets < 1e6:
        print(f"netos drops: --packets {options.packets}: a number of seconds is wanted", file=sys.stderr)
        return 2
    with reach(options) as client:
        packets = None if options.packets is None else last_packets(client, options.packets)
        counts = json.loads(client.read("counters"))
    drops = by_reason(counts["elements"])
    if options.json:
        print_json({"generation": counts["generation"], "drops": drops}
                   | ({} if packets is None else {"packets": packets}))
        return 0
    print("\n".join(table(drops, shutil.get_terminal_size().columns)))
    for line in packet_lines(packets) if packets is not None else ():
        print(line)
    return 0


def last_packets(client: ControlClient, seconds: float) -> list[dict[str, Any]]:
    """The samples of what is dropped in the next seconds, each with its `text`; samples are kept only meanwhile."""
    from netos.cli.decode import describe_packet

    kept = json.loads(client.read("drop_samples")) is not None
    if not kept:
        client.write("drop_samples", "true")
    try:
        time.sleep(seconds)
        found: list[dict[str, Any]] = json.loads(client.read("drop_samples")) or []
    finally:
        if not kept:
            client.write("drop_samples", "false")
    for sample in found:
        sample["text"] = describe_packet(bytes.fromhex(sample["data"]), sample["length"], sample["network"])
    return sorted(found, key=lambda sample: str(sample["reason"]))


def packet_lines(packets: list[dict[str, Any]]) -> list[str]:
    """A table of samples."""
    if not packets:
        return ["nothing was dropped meanwhile"]
    return list(columns(["REASON", "ELEMENT", "LAST PACKET"],
                        [[sample["reason"], sample["element"], sample["text"]] for sample in packets]))


def by_reason(elements: dict[str, dict[str, dict[str, int]]]) -> Drops:
    """The drops of a snapshot: {reason: {element: packets}}, the most frequent reason first."""
    found: Drops = {}
    for name, element in elements.items():
        for reason, count in element["drops"].items():
            found.setdefault(reason, {})[name] = count
    return dict(sorted(found.items(), key=lambda entry: -sum(entry[1].values())))


def table(drops: Drops, width: int) -> list[str]:
    """Reasons by elements where that fits, else a line for each pair."""
    if not drops:
        return ["no packet was dropped"]
    elements = list(dict.fromkeys(name for counts in drops.values() for name in counts))
    rows = [[reason, *(str(counts.get(name, "")) for name in elements), str(sum(counts.values()))]
            for reason, counts in drops.items()]
    lines = list(columns(["REASON", *elements, "TOTAL"], rows))
    if max(map(len, lines)) <= width:
        return lines
    return list(columns(["REASON", "ELEMENT", "PACKETS"],
                        [[reason, name, str(count)] for reason, counts in drops.items()
                         for name, count in sorted(counts.items(), key=lambda entry: -entry[1])]))
