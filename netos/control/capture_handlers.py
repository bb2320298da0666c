"""The handlers for captures of packets: what `netos dump` and `netos trace` talk to.

A capture belongs to the connection that began it: it ends with the connection, and when nobody has read it for a while.
Reading `capture_data` gives a line of JSON, {edges, elements (those since the last time), lost, more, seen, matched,
problem; of a trace wanted, under_way, unfollowed}, and then records for netos.control.records, a character a byte.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netos.control.access import Access
from netos.errors import HandlerError
from netos.handlers import Handler

if TYPE_CHECKING:
    from netos.control.captures import Capture

LEASE = 10.0                # seconds after which a capture that nobody reads ends
CAPTURES_MAX = 8
NOT_READ = "one that nobody reads"


class Captures:
    """The captures of an appliance, by the names that their clients chose."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.running: dict[str, Capture] = {}

    def start(self, text: str) -> None:
        """`capture_start`: a JSON object {id, what: "trace" or "dump", edge, filter, count, snaplen}."""
        try:
            wanted = json.loads(text)
            name = wanted["id"]
            if not isinstance(name, str) or not name or any(character.isspace() for character in name):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise HandlerError('capture_start: a JSON object with an "id" is wanted') from None
        if name in self.running:
            raise HandlerError(f"there is a capture {name} already")
        if len(self.running) >= CAPTURES_MAX:
            raise HandlerError(f"there are {CAPTURES_MAX} captures already: end one")
        from netos.control.captures import Capture  # when it is wanted: appliances start without it

        self.running[name] = Capture(self.access, wanted)

    def data(self, name: str) -> str:
        """`capture_data ID`."""
        return self.find(name).read()

    def stop(self, name: str) -> None:
        """`capture_stop ID`."""
        self.find(name)
        self.end([name.strip()])

    def find(self, name: str) -> Capture:
        """A capture that goes on."""
        found = self.running.get(name.strip())
        if found is None:
            raise HandlerError(f"there is no capture {name.strip()}: {NOT_READ} for {LEASE:g} s ends")
        return found

    def end(self, names: Sequence[str]) -> None:
        """End captures, with the packets held."""
        if names:
            with self.access.paused():
                for name in names:
                    self.running.pop(name).close()

    def leave(self, caller: object) -> None:
        """A connection has ended: so do its captures."""
        self.end([name for name, capture in self.running.items() if capture.owner is caller])

    def tend(self) -> bool:
        """End the captures that nobody reads; whether there are others."""
        if not self.running:
            return False
        now = time.monotonic()
        self.end([name for name, capture in self.running.items() if now - capture.read_at > LEASE])
        return bool(self.running)


def add_captures(access: Access) -> None:
    """Give an appliance its handlers for captures; see Captures."""
    captures = Captures(access)
    access.leavers.append(captures.leave)
    access.tenders.append(captures.tend)
    access.unpaused |= {"captures", "capture_start", "capture_stop", "capture_data"}
    access.add(Handler("captures", lambda _: "".join(f"{name}\n" for name in captures.running)),
               Handler("capture_start", None, captures.start), Handler("capture_stop", None, captures.stop),
               Handler("capture_data", captures.data, None, True))
