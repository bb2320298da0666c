"""A capture of packets in a running appliance: `netos dump` takes those of some edges, `netos trace` follows some to
their end. Its patches follow the graph that runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netos.args.wellknown import well_known
from netos.capture import CaptureRing, DumpPatch, Filter
from netos.control.access import Access
from netos.control.edges import Edge, Place, all_edges, find_edges
from netos.errors import HandlerError, NetosError
from netos.proto.bpf import BpfProgram
from netos.trace import Trace, TracePatch

if TYPE_CHECKING:
    from netos.portpatch import PortPatch
    from netos.router import Router

RING_DUMP, RING_TRACE = 1 << 23, 1 << 21
PACKETS_MAX = 1000          # that one trace follows
SNAPLEN_MAX = 1 << 18
READ_LIMIT = 1 << 17        # bytes of records an answer has, about
NO_LIMIT = (1 << 64) - 1
EVERYTHING = (6, 0, 0, 1)   # the BPF instruction that accepts


def service_port(kind: str, name: str) -> int | None:
    """The port that a name means on this machine."""
    found = well_known(kind, name)
    return found if isinstance(found, int) else None


class Capture:
    """What one client listens to. The packets are held only while patches are put in or taken out."""

    def __init__(self, access: Access, wanted: dict[str, Any]) -> None:
        self.access = access
        self.owner = access.caller
        self.read_at = time.monotonic()
        self.text = str(wanted.get("edge", ""))
        snaplen = whole(wanted, "snaplen", SNAPLEN_MAX, SNAPLEN_MAX)
        self.filter = wanted_filter(wanted.get("filter", ""))
        self.trace: Trace | None = None
        if wanted.get("what") == "trace":
            self.ring = CaptureRing(RING_TRACE, snaplen)
            self.trace = Trace(self.ring, self.filter, whole(wanted, "count", 10, PACKETS_MAX))
        else:
            self.ring = CaptureRing(RING_DUMP, snaplen)
        self.most = whole(wanted, "count", NO_LIMIT, NO_LIMIT)
        self.edges: list[Edge] = []
        self.elements: list[str] = []
        self.told = [0, 0]                          # edges and elements that the client knows
        self.counts = {"seen": 0, "matched": 0}     # of patches that are gone
        self.patches: list[PortPatch] = []
        self.routers: list[Router] = []
        self.problem = ""
        places = self.places(access.routers)        # refuses an edge that is not there
        with access.paused():
            if self.trace is not None:
                self.trace.start()
            try:
                self.patch(access.routers, places)
            except BaseException:
                self.close()
                raise

    def places(self, routers: Sequence[Router]) -> list[Place]:
        """What is to be patched."""
        if not routers:
            raise HandlerError("no configuration runs")
        if self.trace is not None:
            return [place for router in routers for place in all_edges(router)]
        return [place for router in routers for place in find_edges(router, self.text)]

    def follow(self) -> None:
        """Listen in the graphs that run now, which may have replaced those that were listened to."""
        routers = list(self.access.routers)
        if routers == self.routers:
            return
        with self.access.paused():
            self.unpatch()
            try:
                self.patch(routers, self.places(routers))
                self.problem = ""
            except NetosError as error:
                self.problem = str(error)
                self.routers = routers

    def patch(self, routers: Sequence[Router], places: Sequence[Place]) -> None:
        """Put patches in."""
        self.routers = list(routers)
        if self.trace is not None:
            elements = [element for router in routers for element in router.order]
            self.trace.know(elements)
            self.elements += [element.name for element in elements]
        for place in places:
            if place.edge not in self.edges:
                self.edges.append(place.edge)
            number = self.edges.index(place.edge)
            patch: PortPatch
            if self.trace is not None:
                patch = TracePatch(self.trace, number)
            else:
                patch = DumpPatch(self.ring, number, self.filter, self.most - self.counts["matched"])
            patch.insert(place.element, place.side, place.port)
            self.patches.append(patch)

    def unpatch(self) -> None:
        """Take the patches out."""
        for patch in self.patches:
            patch.remove()
        self.counts = self.sums()
        self.patches = []

    def sums(self) -> dict[str, int]:
        """What has been seen, all in all."""
        dumps = [patch for patch in self.patches if isinstance(patch, DumpPatch)]
        return {name: self.counts[name] + sum(getattr(patch, name) for patch in dumps) for name in self.counts}

    def read(self) -> str:
        """What has happened since the last time."""
        self.follow()
        self.read_at = time.monotonic()
        data = self.ring.take(READ_LIMIT)
        head: dict[str, Any] = {"edges": self.edges[self.told[0]:], "elements": self.elements[self.told[1]:],
                                "lost": self.ring.lost, "more": self.ring.waiting > 0, "problem": self.problem,
                                **self.sums()}
        self.told = [len(self.edges), len(self.elements)]
        if self.trace is not None:
            head.update(wanted=self.trace.wanted, under_way=self.trace.under_way, unfollowed=self.trace.unfollowed)
            if self.patches and not head["wanted"] and not head["under_way"]:
                with self.access.paused():
                    self.unpatch()
        return f"{json.dumps(head)}\n{data.decode('latin-1')}"

    def close(self) -> None:
        """Leave the graph as if this had never been there."""
        self.unpatch()
        if self.trace is not None:
            self.trace.close()


def wanted_filter(wanted: object) -> Filter:
    """A filter as text, or as {frame, ip}: its programs, which spares the appliance the work."""
    if isinstance(wanted, str) and wanted.strip():
        from netos.proto.pcapfilter import compile_filter

        return Filter(*compile_filter(wanted, service_port))
    programs = wanted if isinstance(wanted, dict) else {"frame": [EVERYTHING], "ip": [EVERYTHING]}
    try:
        return Filter(*(BpfProgram(programs[name]) for name in ("frame", "ip")))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise HandlerError(f"filter: text is wanted, or two BPF programs called frame and ip: {error}") from None


def whole(wanted: dict[str, Any], name: str, default: int, most: int) -> int:
    """A number from 1 on among what a client wants."""
    value = wanted.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise HandlerError(f"{name}: a number from 1 to {most} is wanted, not {value}")
    return value
