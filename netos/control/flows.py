"""The flows of a running appliance: listing, counting and forgetting them a part at a time (`netos flows`).

Every request looks at a bounded number of places of one table and says where to go on, so that packets never wait for
long and nothing here grows with the table.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from netos.addresses import IPv4Address
from netos.control.access import Access
from netos.errors import HandlerError
from netos.handlers import Handler

if TYPE_CHECKING:
    from elements.standard.classification import Program
    from netos.proto.flow_table import FlowTable
    from netos.router import Router

SLOTS = 32768           # places of a table looked at while packets wait: half a millisecond
KILLED = 4096           # places a kill looks at: each may take longer
ROWS = 128              # connections a request returns at most: two milliseconds, packets waiting or not
RESULTS = 64            # of kills that nobody has asked for yet


class Table(NamedTuple):
    """A table of flows: the elements that use it, its owner first, in one of the graphs that run side by side."""

    names: list[str]
    replica: int
    table: FlowTable
    router: Router


def tables(access: Access) -> Iterator[Table]:
    """The tables of the graph that runs, and of its replicas."""
    for replica, router in enumerate(access.routers):
        found: dict[int, Table] = {}
        for element in router.order:
            table = getattr(element, "flow_table", None)
            if table is None:
                continue
            known = found.setdefault(id(table), Table([], replica, table, router))
            # a table that NAT elements share goes by the name of its ConnTrack
            known.names.insert(0 if type(element).__name__ == "ConnTrack" else len(known.names), element.name)
        yield from found.values()


class Query(NamedTuple):
    """Which part of which table, and what is wanted of it."""

    table: Table
    program: Program | None
    states: list[str] | None
    start: int
    limit: int


class Flows:
    """The handlers `flow_tables`, `flows`, `flows_kill` and `flows_killed` of an appliance.

    `flows` takes JSON: {table (an element's name), replica, filter, states, start, limit}, all but the table optional;
    it answers {flows, matched, next}, `next` being the start of the next request, or null. A limit of 0 only counts.
    `flows_kill` is written the same with a `token`, under which `flows_killed` then tells {killed, next}.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self._results: OrderedDict[str, str] = OrderedDict()
        self._program: tuple[object, Program | None] = (None, None)

    def handlers(self) -> list[Handler]:
        """What to add to the access; all of them hold the packets themselves, and briefly."""
        return [Handler("flow_tables", lambda _: json.dumps(self.tables()) + "\n"),
                Handler("flows", lambda text: json.dumps(self.page(text)) + "\n", read_parameter=True),
                Handler("flows_kill", None, self.kill),
                Handler("flows_killed", self.killed, read_parameter=True)]

    def tables(self) -> list[dict[str, Any]]:
        """The tables there are, and how many connections are in each."""
        with self.access.paused():
            return [{"table": found.names[0], "elements": found.names, "replica": found.replica,
                     "count": found.table.count, "capacity": found.table.capacity} for found in tables(self.access)]

    def page(self, text: str) -> dict[str, Any]:
        """A part of a table."""
        from elements.firewall.flow_scan import rows, scan

        query = self._query(text)
        with self.access.paused():
            now = query.table.router.cpu.now
            matched, copies, following = scan(query.table.table, now, program=query.program, states=query.states,
                                              start=query.start, slots=SLOTS, limit=query.limit)
        return {"flows": [describe(row) for row in rows(copies, now)], "matched": matched, "next": following}

    def kill(self, text: str) -> None:
        """Forget the connections wanted of a part of a table."""
        from elements.firewall.flow_scan import scan

        query, token = self._query(text), str(json.loads(text)["token"])[:64]
        with self.access.paused():
            killed, _, following = scan(query.table.table, query.table.router.cpu.now, program=query.program,
                                        states=query.states, start=query.start, slots=KILLED, kill=True)
        self._results[token] = json.dumps({"killed": killed, "next": following}) + "\n"
        while len(self._results) > RESULTS:
            self._results.popitem(last=False)

    def killed(self, token: str) -> str:
        """What came of a kill; it is told once."""
        try:
            return self._results.pop(token.strip())
        except KeyError:
            raise HandlerError("there was no flows_kill with this token") from None

    def _query(self, text: str) -> Query:
        try:
            wanted: dict[str, Any] = json.loads(text.encode("latin-1"))
            name, replica, start = str(wanted["table"]), int(wanted.get("replica", 0)), int(wanted.get("start", 0))
            limit, expression = int(wanted.get("limit", ROWS)), str(wanted.get("filter") or "")
            states = [str(state) for state in wanted["states"]] if wanted.get("states") else None
            str(wanted.get("token", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HandlerError(f"flows wants JSON with a table, and perhaps a filter: {error}") from None
        if not (0 <= start < 1 << 32 and limit >= 0):
            raise HandlerError("start and limit must not be negative")
        return Query(self._find(name, replica), self._compile(name, replica, expression), known_states(states), start,
                     min(limit, ROWS))

    def _find(self, name: str, replica: int) -> Table:
        known = list(tables(self.access))
        for found in known:
            if name in found.names and found.replica == replica:
                return found
        names = ", ".join(dict.fromkeys(found.names[0] for found in known))
        raise HandlerError(f"'{name}' has no table of flows; " + (f"{names} has" if names and "," not in names else
                                                                 f"these have: {names}" if names else
                                                                 "no element of this configuration has one"))

    def _compile(self, name: str, replica: int, expression: str) -> Program | None:
        """The program of a filter; the last one is kept for the parts that follow."""
        if not expression.strip():
            return None
        from elements.firewall.flow_filter import compile_flow_filter
        from elements.standard.pattern_error import PatternError

        key = (self.access.generation, name, replica, expression)
        if self._program[0] != key:
            router = self.access.routers[replica]
            try:
                self._program = key, compile_flow_filter(expression, router.scope(name).database)
            except PatternError as error:
                raise HandlerError("; ".join(problem.message for problem in error.problems)) from None
        return self._program[1]


def known_states(states: list[str] | None) -> list[str] | None:
    """The states, if all of them are states of connections."""
    from netos.proto.flow_table import STATES

    for state in states or ():
        if state not in STATES[1:]:
            raise HandlerError(f"'{state}' is no state of a connection; use {', '.join(STATES[1:-1])}")
    return states


def describe(row: dict[str, Any]) -> dict[str, Any]:
    """A connection for machines: times in seconds, addresses as text."""
    reply = row["reply"]
    after = (reply[0], reply[3], reply[4], reply[1], reply[2])
    described = {"protocol": row["protocol"], "state": row["state"], "left": round(row["expires"] / 1e9, 3),
                 "age": round(row["age"] / 1e9, 3), "original": ends(row["original"]), "reply": ends(reply),
                 "packets": row["packets"], "bytes": row["bytes"]}
    described.update((flag, row[flag]) for flag in ("assured", "replied", "confirmed", "mapped"))
    if row["mapped"] or after != row["original"]:
        described["translated"] = ends(after)
    return described


def ends(key: tuple[int, ...]) -> dict[str, Any]:
    """A tuple's ends."""
    return {"source": str(IPv4Address(key[1])), "source_port": key[2], "destination": str(IPv4Address(key[3])),
            "destination_port": key[4]}


def add_flows(access: Access) -> None:
    """Give an appliance its global handlers for flows."""
    handlers = Flows(access).handlers()
    access.add(*handlers)
    access.unpaused.update(handler.name for handler in handlers)


