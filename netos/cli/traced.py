"""The packets of a trace: what is known of each, and how it is shown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from netos.cli.capturing import Capturing
from netos.cli.decode import describe_packet
from netos.cli.pcapng import LINK_ETHERNET, LINK_RAW, PcapngWriter
from netos.cli.trace_text import changes
from netos.control.edges import Edge
from netos.control.records import CLONE, DROP, END, IP, PACKET, Record
from netos.packet import DROP_NAMES


@dataclass
class Traced:
    """One packet: the lines of its block so far, and the last sight of it."""

    number: int
    start: int                                  # nanoseconds, of its first hop; a clone has its parent's
    parent: int | None = None
    lines: list[str] = field(default_factory=list)
    sight: Record | None = None
    edge: Edge | None = None
    outcome: str = ""
    clones: list[Traced] = field(default_factory=list)      # those that have ended already


def line_about(record: Record) -> str:
    """The packet in one line."""
    return describe_packet(record.data, record.length, 0 if record.link == IP else record.network)


class Follower:
    """Takes records, and prints a block for each packet when it has ended."""

    def __init__(self, capture: Capturing, as_json: bool, pcap: PcapngWriter | None) -> None:
        self.capture = capture
        self.as_json = as_json
        self.pcap = pcap
        self.open: dict[int, Traced] = {}
        self.outcomes: Counter[str] = Counter()
        self.found = 0
        self.clones = 0

    def take(self, records: list[Record]) -> None:
        """Go on with what has happened."""
        for record in records:
            {PACKET: self.crossed, CLONE: self.cloned, END: self.ended, DROP: self.dropped}[record.kind](record)

    def crossed(self, record: Record) -> None:
        edge = self.capture.edges[record.edge]
        packet = self.open.get(record.packet)
        if packet is None:
            packet = self.open[record.packet] = Traced(record.packet, record.time)
            self.found += 1
        differences = [] if packet.sight is None else changes(packet.sight, record)
        if packet.sight is None:
            packet.lines.insert(0, f"packet {packet.number}: {line_about(record)}" + (
                f" (clone of {packet.parent})" if packet.parent is not None else ""))
        packet.sight, packet.edge = record, edge
        self.event(packet, record, str(edge), event="hop", edge=str(edge), length=record.length, changes=differences,
                   text=line_about(record))
        self.write(str(edge), record, "; ".join(differences))

    def cloned(self, record: Record) -> None:
        parent = self.open.get(record.other)
        child = Traced(record.packet, parent.start if parent else record.time, record.other)
        self.clones += 1
        if parent is not None:
            child.sight = parent.sight
            child.lines.append(f"packet {child.number}: clone of packet {record.other}")
            place = f"cloned in {parent.edge.target}" if parent.edge else "cloned"
            self.event(parent, record, f"{place}: packet {child.number}", event="clone", clone=child.number)
        self.open[record.packet] = child

    def ended(self, record: Record) -> None:
        packet = self.open.pop(record.packet, None)
        if packet is None:
            return
        edge = self.capture.edges[record.edge]
        sent = edge.target_class == "ToDevice"
        packet.outcome = "sent" if sent else "consumed"
        self.event(packet, record, f"{packet.outcome} by {edge.target} ({edge.target_class})", event=packet.outcome,
                   element=edge.target)
        self.show(packet)

    def dropped(self, record: Record) -> None:
        packet = self.open.pop(record.packet, None)
        if packet is None:
            return
        reason = DROP_NAMES[record.reason] if record.reason < len(DROP_NAMES) else f"reason {record.reason}"
        elements = self.capture.elements
        element = elements[record.other] if record.other < len(elements) else "an element that is gone"
        packet.outcome = f"dropped ({reason})"
        differences = changes(packet.sight, record) if packet.sight is not None else []
        self.event(packet, record, f"DROPPED by {element}: {reason}", event="drop", element=element, reason=reason,
                   changes=differences)
        self.write(f"{element} drops: {reason}", record, "; ".join(differences))
        self.show(packet)

    def event(self, packet: Traced, record: Record, words: str, **facts: Any) -> None:
        """Something happened: a line of the packet's block, or a line of JSON at once."""
        after = (record.time - packet.start) / 1000
        if self.as_json:
            print(json.dumps({"packet": packet.number, "time": record.time / 1e9, "us": after, **facts}))
            return
        differences = "; ".join(facts.get("changes", ()))
        packet.lines.append(f"  {after:>10.1f} µs  {words}{f'   {differences}' if differences else ''}")

    def write(self, name: str, record: Record, comment: str) -> None:
        if self.pcap is not None:
            self.pcap.packet(name, LINK_RAW if record.link == IP else LINK_ETHERNET, record.time, record.data,
                             record.length, number=record.packet,
                             comment=f"packet {record.packet}{f': {comment}' if comment else ''}")

    def show(self, packet: Traced) -> None:
        """The block of a packet about which nothing more will be heard; those of its clones come after it."""
        self.outcomes[packet.outcome] += 1
        self.print(packet)

    def print(self, packet: Traced) -> None:
        parent = self.open.get(packet.parent) if packet.parent is not None else None
        if parent is not None:
            parent.clones.append(packet)
            return
        if not self.as_json:
            print("\n".join(packet.lines) + "\n")
        for clone in packet.clones:
            self.print(clone)

    def finish(self) -> None:
        """Show the packets that have not ended."""
        for packet in [self.open.pop(number) for number in list(self.open)]:
            place = f"{packet.edge.target} ({packet.edge.target_class})" if packet.edge else "the appliance"
            packet.outcome = "still held"
            if self.as_json:
                print(json.dumps({"packet": packet.number, "event": "held",
                                  "element": packet.edge.target if packet.edge else None}))
            else:
                packet.lines.append(f"  {'':>10}     still held in {place}")
            self.show(packet)

    def summary(self, wanted: int) -> dict[str, Any]:
        """How it went."""
        head = self.capture.head
        return {"packets": self.found, "clones": self.clones, "wanted": wanted,
                "outcomes": dict(self.outcomes), "lost": head.get("lost", 0),
                "unfollowed": head.get("unfollowed", 0)}

    def summary_text(self, summary: dict[str, Any]) -> str:
        """The summary as text."""
        parts = [f"{count} {outcome}" for outcome, count in self.outcomes.most_common()]
        clones = f" and {summary['clones']} clones" if summary["clones"] else ""
        lines = [f"{summary['packets']} packets{clones} followed: {', '.join(parts) or 'no packet matched'}"]
        if summary["lost"]:
            lines.append(f"{summary['lost']} hops were lost: they came faster than they were taken")
        if summary["unfollowed"]:
            lines.append(f"{summary['unfollowed']} clones were too many to follow")
        return "\n".join(lines)
