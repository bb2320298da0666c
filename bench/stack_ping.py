"""(p) Echoes: what the kernel's ping needs at least, to netos's stack over a tap, and to Linux over veth.

All on one processor, each echo sent when the last has come: a processor that has to wake up takes longer than either.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import ExitStack

from bench.measure import Row, row
from bench.stack_links import OTHER, on_tap, refused, veth
from netos.testing.namespace import NetworkNamespace

PROCESSOR = min(os.sched_getaffinity(0))


def shortest(namespace: NetworkNamespace, count: int) -> float:
    """Microseconds of the shortest of so many echoes."""
    told = namespace.run("taskset", "-c", str(PROCESSOR), "ping", "-q", "-A", "-c", str(count), OTHER).stdout
    if (found := re.search(r"= ([\d.]+)/", told)) is None or " 0% packet loss" not in told:
        raise RuntimeError(f"echoes were lost: {told}")
    return float(found[1]) * 1e3


def rows(quick: bool = False) -> list[Row]:
    """The row; none, and why, where taps, namespaces or ping are missing."""
    why = refused() or ("" if shutil.which("ping") else "ping is not there (apt-get install iputils-ping)")
    if why:
        print(f"  skipped: {why}", file=sys.stderr)
        return []
    count, rounds = (1000, 3) if quick else (5000, 7)
    with ExitStack() as stack:
        ours, server = stack.enter_context(on_tap("http", "8080"))
        theirs, _far = stack.enter_context(veth())
        os.sched_setaffinity(server.pid, {PROCESSOR})
        shortest(ours, 10), shortest(theirs, 10)
        return [row("p  ping, the shortest", [(shortest(ours, count), shortest(theirs, count)) for _ in range(rounds)],
                    peer="Linux, veth", unit="µs", wanted="<= 2")]
