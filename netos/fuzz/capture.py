"""Findings as capture files: the plan in a first frame of its own Ethernet type, then what went in, at virtual times.

The type is 0x88B5, for local experiments (IEEE 802). A time stamp's last three digits say which device, in the order of
their names, a frame goes into.
"""

from __future__ import annotations

from netos.drivers.pcapfile import open_capture
from netos.drivers.pcapwriter import PcapWriter
from netos.fuzz.plan import STACK, FuzzError, Plan, Record

KIND = b"\x88\xb5"
HEADER = bytes(12) + KIND
MICROSECOND = 1000
LARGEST = 65535 + 18            # bytes: an IP packet behind an Ethernet header with a tag
FOREIGN_START = (10**18 + 10**9, 2 * 10**9)     # when frames of other captures go into a configuration, into the stack


def write_finding(path: str, plan: Plan, seed: int, records: list[Record]) -> None:
    """Write a round's frames, and all that a replay has to know."""
    writer = PcapWriter(path, nanoseconds=True)
    writer.append(HEADER + plan.to_text(seed).encode())
    for time, device, frame in records:
        writer.append(frame, time // MICROSECOND * MICROSECOND + device)
    writer.close()


def read_finding(path: str, plan: Plan | None = None) -> tuple[Plan, int, list[Record]]:
    """The plan, the seed and the frames; any other capture is taken for frames of one device, and needs a plan.

    Raises FuzzError.
    """
    records: list[Record] = []
    found: tuple[Plan, int] | None = None
    start: int | None = None
    for record in open_capture(path):
        if record.data[:len(HEADER)] == HEADER and not records:
            found = Plan.from_text(record.data[len(HEADER):].decode(errors="replace"))
            continue
        if len(record.data) > LARGEST:
            raise FuzzError(f"{path} has a frame of {len(record.data)} bytes: a link takes {LARGEST} at most")
        start = record.timestamp if start is None else start
        device = record.timestamp % MICROSECOND if found else 0
        records.append((record.timestamp - record.timestamp % MICROSECOND, device, record.data))
    if found is None and plan is None:
        raise FuzzError(f"{path} is no finding of netos fuzz: say what to replay it into, "
                        "--into stack or --into CONFIG")
    if found is not None and plan is None:
        return *found, records
    assert plan is not None
    if found is None:
        begin = FOREIGN_START[plan.target == STACK]
        records = [(begin + time - (start or 0) // MICROSECOND * MICROSECOND, 0, frame) for time, _, frame in records]
    return plan, found[1] if found else plan.seed, records
