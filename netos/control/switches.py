"""What costs the packets something and is on only while it is wanted: counting bytes, keeping samples of drops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from netos.args.numbers import Bool
from netos.control.access import Access
from netos.control.capture_handlers import add_captures
from netos.control.counters import Counts, snapshot
from netos.dropsample import drop_samples, forget_samples, sample_drops
from netos.errors import HandlerError, NetosError
from netos.handlers import Handler
from netos.portpatch import ByteCounter, driven_ports

if TYPE_CHECKING:
    from netos.router import Router


class ByteCounting:
    """Whether bytes are counted at the ports of the graph that runs: a few nanoseconds a packet and hop while on."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.wanted = False
        self._routers: list[Router] = []
        self._counters: list[ByteCounter] = []

    def switch(self, on: bool) -> None:
        """Count from now on, or no more; what has been counted stays."""
        self.wanted = on
        self.follow()

    def follow(self) -> None:
        """Count in the graph that runs now, which may have replaced the one that was counted in."""
        routers = list(self.access.routers) if self.wanted else []
        if routers == self._routers:
            return
        for counter in self._counters:
            counter.remove()
        self._counters, self._routers = [], routers
        for element in [element for router in routers for element in router.order]:
            for side, port in driven_ports(element):
                counter = ByteCounter()
                counter.insert(element, side, port)
                self._counters.append(counter)


class DropSampling:
    """Whether the beginning of the last dropped packets is kept, by element and reason."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.wanted = False
        self._routers: list[Router] = []

    def switch(self, on: bool) -> None:
        """Keep samples from now on, or no more."""
        self.wanted = on
        self.follow()
        sample_drops(on)

    def follow(self) -> None:
        """Forget the samples of a graph that is no more."""
        if self._routers != list(self.access.routers):
            self._routers = list(self.access.routers)
            forget_samples()

    def found(self) -> list[Counts]:
        """The samples, as JSON can hold them; of replicas' elements, the latest."""
        self.follow()
        samples = drop_samples([element for router in self._routers for element in router.order])
        latest = {sample[:2]: sample for sample in sorted(samples, key=lambda sample: sample[2])}
        return [{"element": name, "reason": reason, "time": when, "length": length, "network": network,
                 "data": data.hex()} for name, reason, when, length, network, data in latest.values()]


def switch_handler(name: str, switch: Callable[[bool], None], read: Callable[[], str]) -> Handler:
    """A handler that is written true or false."""
    def write(text: str) -> None:
        try:
            switch(Bool().parse(text.strip()))
        except NetosError as error:
            raise HandlerError(f"{name}: {error}") from None

    return Handler(name, lambda _: read(), write)


def add_counters(access: Access) -> None:
    """Give an appliance its global handlers for counters.

    `counters` is the snapshot as JSON; `byte_counts` has bytes counted; `drop_samples` has samples of dropped packets
    kept, and is read as a JSON list of {element, reason, time, length, network, data (hex)}, null while none are kept.
    Those for captures come along; see netos.control.capture_handlers.
    """
    counting, sampling = ByteCounting(access), DropSampling(access)
    access.followers += [counting.follow, sampling.follow]
    access.add(Handler("counters", lambda _: json.dumps(snapshot(access)) + "\n"),
               switch_handler("byte_counts", counting.switch, lambda: "true" if counting.wanted else "false"),
               switch_handler("drop_samples", sampling.switch,
                              lambda: json.dumps(sampling.found() if sampling.wanted else None) + "\n"))
    add_captures(access)
