"""netos drops: which element of a running appliance dropped how many packets, and why."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence

from netos.cli.remote import print_json, reach, remote_parser
from netos.cli.top import columns

SUMMARY = "show why packets were dropped, and where"
Drops = dict[str, dict[str, int]]


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    return remote_parser("drops", SUMMARY)


def main(argv: Sequence[str]) -> int:
    """Run the verb."""
    options = parser().parse_args(argv)
    with reach(options) as client:
        counts = json.loads(client.read("counters"))
    drops = by_reason(counts["elements"])
    if options.json:
        print_json({"generation": counts["generation"], "drops": drops})
    else:
        print("\n".join(table(drops, shutil.get_terminal_size().columns)))
    return 0


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
