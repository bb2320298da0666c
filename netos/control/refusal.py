"""Which connections a configuration would not let begin any more, and forgetting them (`netos reload --kill-states`).

The packet that began a connection is followed through the graph as far as its headers tell where it goes: filters,
route lookups and address translation decide as they would about a packet; an element that sorts by anything else is
taken to send it every way. What reaches no ConnTrackConfirm, or is translated differently, is refused. Ports and
addresses, the protocol, and the paint that the packet had in ConnTrack are known; its length, TTL and flags are those
of a plain SYN, query or empty datagram.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from netos.lang import flow_sources
from netos.router import Router

PART = 64               # connections judged in one go: a millisecond
SLOTS = 8192
NEW = 1                 # FLOW_NEW
REFUSING = frozenset(["Discard", "ICMPError"])      # where what is not wanted ends
# what answers or changes a packet so that its headers say no more where it goes
ENDING = frozenset(["ICMPPingResponder", "ARPResponder", "IPMirror", "EtherMirror", "IPEncap", "UDPIPEncap"])
Key = tuple[int, ...]
Row = dict[str, Any]


class Place(NamedTuple):
    """A packet before an input."""

    element: Any
    port: int
    key: Key                # its tuple there, translated so far
    annotations: bytes
    tracked: bool           # it has been in the table
    confirmed: bool
    source_done: bool       # some SourceNat has translated it as the connection is


class Judge:
    """Says of the connections of one table whether the graph that it is in would let them begin."""

    def __init__(self, router: Router, owner: Any) -> None:
        self.router = router
        self.owner = owner
        self.table = owner.flow_table
        self._targets: dict[tuple[str, int], list[tuple[Any, int]]] = {}
        for link in router.graph.connections:
            self._targets.setdefault((router.order[link.source].name, link.source_port), []).append(
                (router.order[link.target], link.target_port))
        self._reached: dict[tuple[str, int], list[tuple[Any, int]]] = {}
        self._passed: dict[tuple[str, int], list[int]] = {}
        self.starts = [(element, output) for element in router.order if element.n_inputs == 0
                       for output in range(element.n_outputs) if self._leads_to_owner(element)]
        from elements.firewall.flow_scan import annotations

        self._before, self._new = annotations(0), annotations(NEW)

    def refuses(self, row: Row) -> bool:
        """Whether a connection, as FlowTable.rows has it, would not begin, or not so."""
        key, reply = row["original"], row["reply"]
        after = (reply[0], reply[3], reply[4], reply[1], reply[2])
        if hasattr(self.owner, "agrees") and not self.owner.agrees(row["mark"], key, after):
            return True
        if key[0] == 0:                     # IPAddrRewriter's are no packets' tuples
            return False
        waiting = [place for element, output in self.starts
                   for place in self._places(element, output, key, self._before, False, False, False)]
        if not self.starts:
            waiting = [Place(self.owner, port, key, self._before, False, False, False)
                       for port in range(self.owner.n_inputs)]
        seen = set()
        while waiting:
            place = waiting.pop()
            seen_as = (place.element.name, *place[1:])
            if seen_as in seen:
                continue
            seen.add(seen_as)
            if place.element is self.owner:
                if self._enters(place, row):
                    if hasattr(self.owner, "agrees"):
                        return False
                    waiting += self._places(self.owner, 0, key, self._colour(place.annotations), True, False, False)
                continue
            outputs = self._outputs(place, row["kind"])
            if not outputs or self._ends(place.element):
                if place.tracked and self._accepted(place, after):
                    return False
                continue
            waiting += self._beyond(place, outputs, after)
        return True

    def _enters(self, place: Place, row: Row) -> bool:
        """Whether the connection may have come into the table here: a Rewriter's mark is its input, ConnTrack's the
        paint, and one more."""
        if place.tracked:
            return False
        if hasattr(self.owner, "agrees"):
            return bool(place.port == row["mark"])
        return row["mark"] == 0 or not self.starts or place.annotations[16] == row["mark"] - 1

    def _colour(self, before: bytes) -> bytes:
        return self._new[:16] + before[16:17] + self._new[17:]

    def _ends(self, element: Any) -> bool:
        kind = type(element).__name__
        return kind in REFUSING or kind in ENDING or element.n_outputs == 0 or hasattr(element, "agrees")

    def _outputs(self, place: Place, kind: int) -> Sequence[int]:
        """Where the connection's first packet may leave an element; nowhere, where one that decides drops it."""
        if not hasattr(place.element, "decide"):
            return self._passing(place.element, place.port)
        from elements.firewall.flow_scan import first_packet

        output = place.element.decide(first_packet(place.key, kind or 8), place.annotations)
        return [] if output is None else [output]

    def _accepted(self, place: Place, after: Key) -> bool:
        """Whether a packet that ends here has been let through, and translated as the connection is."""
        if self.owner.confirming:
            if not place.confirmed:
                return False
        elif type(place.element).__name__ in REFUSING or hasattr(place.element, "decide"):
            return False
        known = 1 if after[0] == 1 else 2           # an ICMP query's identifier is not an end's
        source_right = place.source_done or place.key[1:1 + known] == after[1:1 + known]
        return source_right and place.key[3:3 + known] == after[3:3 + known]

    def _beyond(self, place: Place, outputs: Sequence[int], after: Key) -> Iterator[Place]:
        """Where a packet goes from an element that decides, translates, marks or confirms."""
        element, _, key, annotations, tracked, confirmed, source_done = place
        if hasattr(element, "mark"):
            annotations = element.mark(annotations)
        elif getattr(element, "confirms", None) is self.table:
            confirmed = True
        elif getattr(element, "flow_table", None) is self.table and hasattr(element, "redirect"):
            key = element.redirect(key)
        elif getattr(element, "flow_table", None) is self.table and hasattr(element, "masquerades") and not source_done:
            right = element.masquerades(key, *after[1:3])
            if right is False:
                return
            source_done = right is True
        for output in outputs:
            yield from self._places(element, output, key, annotations, tracked, confirmed, source_done)

    def _places(self, element: Any, output: int, key: Key, annotations: bytes, tracked: bool, confirmed: bool,
                source_done: bool) -> Iterator[Place]:
        for target, port in self._reach(element, output):
            yield Place(target, port, key, annotations, tracked, confirmed, source_done)

    def _reach(self, element: Any, output: int) -> list[tuple[Any, int]]:
        """The next inputs behind an output where something is decided, or packets end."""
        found = self._reached.get((element.name, output))
        if found is not None:
            return found
        found, seen = [], set()
        waiting = list(self._targets.get((element.name, output), ()))
        while waiting:
            target, port = waiting.pop()
            if (target.name, port) in seen:
                continue
            seen.add((target.name, port))
            if self._matters(target):
                found.append((target, port))
                continue
            for further in self._passing(target, port):
                waiting += self._targets.get((target.name, further), ())
        self._reached[element.name, output] = found
        return found

    def _matters(self, element: Any) -> bool:
        return (element is self.owner or self._ends(element)
                or any(hasattr(element, name) for name in ("decide", "mark", "confirms", "redirect", "masquerades")))

    def _passing(self, element: Any, port: int) -> list[int]:
        """The outputs that packets from an input may take; not those for what is rejected."""
        found = self._passed.get((element.name, port))
        if found is None:
            kind = type(element)
            rejecting = kind.ports.partition("/")[2].endswith("1-2")
            found = [output for output in range(1 if rejecting else element.n_outputs)
                     if port in flow_sources(kind.flow, element.n_inputs, element.n_outputs, output)]
            self._passed[element.name, port] = found
        return found

    def _leads_to_owner(self, start: Any) -> bool:
        seen, waiting = {start.name}, [start]
        while waiting:
            element = waiting.pop()
            if element is self.owner:
                return True
            for output in range(element.n_outputs):
                for target, _ in self._targets.get((element.name, output), ()):
                    if target.name not in seen:
                        seen.add(target.name)
                        waiting.append(target)
        return False


def owners(router: Router) -> Iterator[Any]:
    """The elements that own a table of flows."""
    for element in router.order:
        if hasattr(element, "flow_table") and (hasattr(element, "confirming") or hasattr(element, "agrees")):
            yield element


async def kill_refused(routers: Sequence[Router], paused: Callable[[], AbstractContextManager[object]]
                       ) -> dict[str, int]:
    """Forget the connections that the graphs would not let begin; how many, by table. Packets wait for moments only."""
    from elements.firewall.flow_scan import rows, scan

    killed: dict[str, int] = {}
    for router in routers:
        for owner in owners(router):
            judge = Judge(router, owner)
            start: int | None = 0
            killed.setdefault(owner.name, 0)
            while start is not None:
                with paused():
                    now = router.cpu.now
                    _, copies, start = scan(owner.flow_table, now, start=start, slots=SLOTS, limit=PART)
                refused = [row for row in rows(copies, now) if judge.refuses(row)]
                if refused:
                    with paused():
                        killed[owner.name] += sum(owner.flow_table.kill((*row["original"], row["kind"]), router.cpu.now)
                                                  for row in refused)
                await asyncio.sleep(0)
    return killed


async def kill_all(routers: Sequence[Router], paused: Callable[[], AbstractContextManager[object]]) -> dict[str, int]:
    """Forget all connections, of those that SynProxies splice too; how many, by table."""
    from elements.firewall.flow_scan import scan

    killed: dict[str, int] = {}
    start: int | None
    for router in routers:
        tables = [element for element in router.order if getattr(element, "flow_table", None) is not None]
        shared = {id(owner.flow_table): owner for owner in [*tables, *owners(router)]}
        for owner in shared.values():
            start = 0
            while start is not None:
                with paused():
                    count, _, start = scan(owner.flow_table, router.cpu.now, start=start, slots=SLOTS, kill=True)
                killed[owner.name] = killed.get(owner.name, 0) + count
                await asyncio.sleep(0)
    return killed
