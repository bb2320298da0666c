"""netos dump: the packets of an edge of a running appliance, as lines of text, as pcapng, or into Wireshark."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO, Protocol

from netos.cli.capturing import Capturing, filter_of
from netos.cli.decode import describe_packet
from netos.cli.pcapng import LINK_ETHERNET, LINK_RAW, PcapngWriter
from netos.cli.remote import reach, remote_parser
from netos.control.captures import SNAPLEN_MAX
from netos.control.edges import Edge
from netos.control.records import IP, Record

SUMMARY = "show or save the packets that cross an edge of a running appliance"
EXAMPLES = """EDGE is an element (its outputs, or its inputs where it has no output), ELEMENT[OUTPUT], [INPUT]ELEMENT or
'ELEMENT -> ELEMENT'. FILTER is tcpdump's: 'tcp port 80 and host 10.0.0.2', 'tcp[13] & 2 != 0', 'icmp'.
Into Wireshark:  netos dump if0/queue | wireshark -k -i -"""


class Output(Protocol):
    """Where packets go."""

    def show(self, edge: Edge, record: Record) -> None:
        """One packet."""

    def flush(self) -> None:
        """Let what was shown be seen."""


class Lines:
    """A line a packet, as text or as JSON; the edge is named where there are several."""

    def __init__(self, capture: Capturing, as_json: bool) -> None:
        self.capture = capture
        self.as_json = as_json

    def show(self, edge: Edge, record: Record) -> None:
        text = describe_packet(record.data, record.length, 0 if record.link == IP else record.network)
        if self.as_json:
            print(json.dumps({"edge": str(edge), "time": record.time / 1e9, "length": record.length, "text": text,
                              "network": record.network, "data": record.data.hex()}))
            return
        place = f"{edge}: " if len(self.capture.edges) > 1 else ""
        print(f"{clock(record.time)} {place}{text}")

    def flush(self) -> None:
        sys.stdout.flush()


class Pcapng:
    """A pcapng file."""

    def __init__(self, file: BinaryIO, snaplen: int) -> None:
        self.file = file
        self.writer = PcapngWriter(file, snaplen)

    def show(self, edge: Edge, record: Record) -> None:
        self.writer.packet(str(edge), LINK_RAW if record.link == IP else LINK_ETHERNET, record.time, record.data,
                           record.length)

    def flush(self) -> None:
        self.file.flush()


def clock(time: int) -> str:
    """The time of day, with microseconds."""
    return f"{datetime.fromtimestamp(time // 10**9):%H:%M:%S}.{time % 10**9 // 1000:06d}"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("dump", SUMMARY)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.epilog = EXAMPLES
    made.add_argument("edge", metavar="EDGE", help="which edge")
    made.add_argument("filter", metavar="FILTER", nargs="*", help="which packets, in tcpdump's language (default: all)")
    made.add_argument("-c", dest="count", type=int, metavar="N", help="end after that many packets")
    made.add_argument("-s", dest="snaplen", type=int, default=SNAPLEN_MAX, metavar="BYTES",
                      help="how much of each packet is taken (default: all)")
    made.add_argument("-w", dest="write", metavar="FILE", help="write pcapng there, - for standard output "
                      "(the default unless that is a terminal)")
    made.add_argument("--text", action="store_true", help="lines of text, also where standard output is no terminal")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb until Ctrl-C, or until there were as many packets as wanted; the last words go to stderr."""
    options = parser().parse_intermixed_args(argv)
    for name, value, most in (("-c", options.count, 1 << 62), ("-s", options.snaplen, SNAPLEN_MAX)):
        if value is not None and not 1 <= value <= most:
            print(f"netos dump: {name} {value}: a number from 1 to {most} is wanted", file=sys.stderr)
            return 2
    wanted = {"what": "dump", "edge": options.edge, "filter": filter_of(options.filter), "count": options.count,
              "snaplen": options.snaplen}
    text = options.json or options.text or (options.write is None and sys.stdout.isatty())
    with ExitStack() as stack:
        capture = stack.enter_context(Capturing(stack.enter_context(reach(options)), **wanted))
        if text:
            output: Output = Lines(capture, options.json)
        elif options.write in (None, "-"):
            output = Pcapng(sys.stdout.buffer, options.snaplen)
        else:
            output = Pcapng(stack.enter_context(open(options.write, "wb")), options.snaplen)
        output.flush()
        count = dump(capture, output, options.count)
    print(summary(capture, count), file=sys.stderr)
    return 0


def dump(capture: Capturing, output: Output, most: int | None) -> int:
    """Show packets; how many were shown."""
    shown = 0
    try:
        for records in capture.rounds():
            for record in records:
                if shown == most:
                    break
                output.show(capture.edges[record.edge], record)
                shown += 1
            output.flush()
            if shown == most:
                break
    except KeyboardInterrupt:
        pass
    return shown


def summary(capture: Capturing, shown: int) -> str:
    """How many packets there were, and how many could not be taken in time."""
    head = capture.head
    lines = [f"netos dump: {shown} packets; {head.get('seen', 0)} crossed, {head.get('matched', 0)} matched, "
             f"{head.get('lost', 0)} lost"]
    if head.get("lost"):
        lines.append("  what is lost was not taken in time: use a narrower filter, -s, or a faster reader")
    if capture.restarts:
        lines.append(f"  {capture.restarts} times nobody read for long, the appliance gave up: what came then is lost")
    if head.get("problem"):
        lines.append(f"  after a reload: {head['problem']}")
    return "\n".join(lines)
