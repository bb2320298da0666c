"""Records of captured packets as they leave the ring of netos.capture: its struct Record, then the packet's bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

LAYOUT = struct.Struct("=IBBHIIqIIiI")
PACKET, DROP, END, CLONE = range(4)
FRAME, IP = range(2)


class Record(NamedTuple):
    """Something that happened to a packet; `network` is where its network header is marked, None where it is not."""

    kind: int               # PACKET crosses an edge, or DROP, END, CLONE
    link: int               # what `data` begins with: FRAME or IP
    reason: int             # of a DROP
    packet: int             # its number in a trace
    edge: int               # the one it crosses, or crossed last
    time: int               # nanoseconds since 1970
    length: int             # of the packet
    network: int | None
    other: int              # of a CLONE the packet cloned; of a DROP the element's number
    data: bytes             # its beginning


def unpack(taken: bytes) -> Iterator[Record]:
    """The records that CaptureRing.take gave."""
    at = 0
    while at < len(taken):
        size, kind, link, reason, packet, edge, time, length, captured, network, other = LAYOUT.unpack_from(taken, at)
        start = at + LAYOUT.size
        yield Record(kind, link, reason, packet, edge, time, length, None if network < 0 else network, other,
                     taken[start:start + captured])
        at += size
