"""netos trace: follow packets through a running appliance, from edge to edge to their end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from netos.cli.capturing import Capturing, filter_of
from netos.cli.pcapng import PcapngWriter
from netos.cli.remote import reach, remote_parser
from netos.cli.traced import Follower
from netos.control.captures import PACKETS_MAX

SUMMARY = "follow packets hop by hop through a running appliance"
EXAMPLES = """FILTER is tcpdump's: 'icmp and host 10.0.0.2', 'tcp[tcpflags] & tcp-syn != 0', 'udp port 53'.
The trace ends when so many packets have ended, or with Ctrl-C. Nothing stays in the appliance."""
SNAPLEN, SNAPLEN_FILE = 192, 2048


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = remote_parser("trace", SUMMARY)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.epilog = EXAMPLES
    made.add_argument("filter", metavar="FILTER", nargs="*", help="which packets, in tcpdump's language (default: any)")
    made.add_argument("-n", dest="count", type=int, default=10, metavar="N",
                      help="how many packets to follow (default %(default)s)")
    made.add_argument("--pcap", metavar="FILE", help="write each hop as pcapng there, too, an interface an edge")
    made.add_argument("--wait", type=float, default=2.0, metavar="SECONDS", help="once all are found, how long to wait "
                      "for those that stand in queues (default %(default)s)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb."""
    options = parser().parse_intermixed_args(argv)
    if not 1 <= options.count <= PACKETS_MAX:
        print(f"netos trace: -n {options.count}: a number from 1 to {PACKETS_MAX} is wanted", file=sys.stderr)
        return 2
    if not 0 <= options.wait < 1e6:
        print(f"netos trace: --wait {options.wait}: a number of seconds is wanted", file=sys.stderr)
        return 2
    snaplen = SNAPLEN_FILE if options.pcap else SNAPLEN
    wanted: dict[str, Any] = {"what": "trace", "filter": filter_of(options.filter), "count": options.count,
                              "snaplen": snaplen}
    with ExitStack() as stack:
        file = stack.enter_context(open(options.pcap, "wb")) if options.pcap else None
        capture = stack.enter_context(Capturing(stack.enter_context(reach(options)), **wanted))
        follower = Follower(capture, options.json, PcapngWriter(file, snaplen) if file else None)
        follow(capture, follower, options.wait)
    follower.finish()
    summary = follower.summary(options.count)
    if options.json:
        print(json.dumps({"event": "summary", **summary}))
    else:
        print(follower.summary_text(summary))
    return 0


def follow(capture: Capturing, follower: Follower, wait: float) -> None:
    """Show what happens until all wanted packets have ended, or have waited long enough, or Ctrl-C."""
    quiet_since = time.monotonic()
    try:
        for records in capture.rounds():
            follower.take(records)
            if records or capture.head["wanted"]:
                quiet_since = time.monotonic()
            elif not capture.head["under_way"] or time.monotonic() - quiet_since > wait:
                break
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
