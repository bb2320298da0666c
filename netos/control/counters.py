"""The one place where the counters of a running appliance are read: every view shows what `snapshot` says.

Of replicas of a graph it shows the sums; in `cpus` each has its own entry.

A snapshot is a dictionary that JSON can hold:

    generation, uptime (seconds), time (seconds since 1970)
    elements    by name: {class, inputs, outputs, drops, queue?, task?}
                inputs, outputs: a list, one a port, of {packets, bytes}; bytes is None unless bytes are counted
                drops: packets by reason; queue: {length, capacity}; task: {runs, cycles, scheduled}
    devices     by name: {rx, tx}, each {packets, bytes, errors}
    balance     {received, created, sent, consumed, dropped, empty, held}
    cpus        a list, one a virtual CPU, of {turns, task_runs, runnable, events_lost, overruns, cycles}
                overruns: by element, how often it kept all others waiting; cycles: time stamp counter ticks
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netos.control.access import Access
from netos.errors import NetosError
from netos.portpatch import driven_ports, port_bytes

if TYPE_CHECKING:
    from netos.element import Element
    from netos.kernel.vcpu import VirtualCpu
    from netos.router import Router

Counts = dict[str, Any]


def snapshot(access: Access) -> Counts:
    """All counters of the graph that runs."""
    for follow in access.followers:
        follow()
    routers = access.routers
    found: Counts = {"generation": access.generation, "uptime": round(access.uptime, 6), "time": time.time(),
                     "elements": {}, "devices": {}, "balance": {}, "cpus": []}
    for router in routers:
        merge(found["elements"], elements_of(router))
        merge(found["devices"], devices_of(router.cpu))
        for cpu in router.cpus:
            merge(found["balance"], cpu.balance)
        found["cpus"] += map(cpu_of, [router.cpu] if router.threads is None else router.threads.cpus)
    return found


def merge(total: Counts, more: Mapping[str, Any]) -> None:
    """Add the counts of a replica: numbers add up, also those within lists and dictionaries."""
    for name, value in more.items():
        known = total.get(name)
        if known is None or isinstance(value, str):
            total[name] = value
        elif isinstance(value, dict):
            merge(known, value)
        elif isinstance(value, list):
            for place, entry in zip(known, value):
                merge(place, entry)
        elif isinstance(value, bool):
            total[name] = known or value
        elif value is not None:
            total[name] = known + value


def elements_of(router: Router) -> Counts:
    """The counters of every element, by name."""
    crossed = crossings(router)
    return {element.name: element_of(router, element, crossed[number]) for number, element in enumerate(router.order)}


def crossings(router: Router) -> list[dict[str, list[Counts]]]:
    """What crossed each port of each element; a port is counted at the end that drives it, and shown at both."""
    found: list[dict[str, list[Counts]]] = [
        {"inputs": [{"packets": 0, "bytes": None} for _ in range(element.n_inputs)],
         "outputs": [{"packets": 0, "bytes": None} for _ in range(element.n_outputs)]} for element in router.order]
    for number, element in enumerate(router.order):
        packets = dict(zip(("input", "output"), element.port_counts))
        for side, port in driven_ports(element):
            found[number][f"{side}s"][port] = {"packets": packets[side][port], "bytes": port_bytes(element, side, port)}
    for link in router.graph.connections:
        pushed = router.order[link.source].output_processing[link.source_port] == "h"
        output, entry = found[link.source]["outputs"][link.source_port], found[link.target]["inputs"][link.target_port]
        add(*((entry, output) if pushed else (output, entry)))
    return found


def add(total: Counts, more: Counts) -> None:
    """Add the counts of one port to those of another that several lead to."""
    total["packets"] += more["packets"]
    if more["bytes"] is not None:
        total["bytes"] = (total["bytes"] or 0) + more["bytes"]


def element_of(router: Router, element: Element, ports: dict[str, list[Counts]]) -> Counts:
    """The counters of one element."""
    found: Counts = {"class": type(element).__name__, **ports, "drops": dict(element.drop_counts)}
    if element.has_notifier(0):
        queue = {name: whole(router, element, name) for name in ("length", "capacity")}
        if None not in queue.values():
            found["queue"] = queue
    if element.uses_task:
        found["task"] = {"runs": element.runs, "cycles": element.cycles, "scheduled": element.scheduled}
    return found


def whole(router: Router, element: Element, handler: str) -> int | None:
    """The value of a read handler that is a number; None when there is no such handler."""
    known = router.handlers(element.name).get(handler)
    try:
        return int(known.read("")) if known is not None and known.read is not None else None
    except (ValueError, NetosError):
        return None


def devices_of(cpu: VirtualCpu) -> Counts:
    """The counters of the devices that are open."""
    from netos.drivers.devices import claims_of

    found = {}
    for name, claim in sorted(claims_of(cpu).items()):
        device = claim.device
        if device is not None:
            found[name] = {way: {what: getattr(device, f"{way}_{what}") for what in ("packets", "bytes", "errors")}
                           for way in ("rx", "tx")}
    return found


def cpu_of(cpu: VirtualCpu) -> Counts:
    """The counters of a virtual CPU itself."""
    return {"turns": cpu.turns, "task_runs": cpu.task_runs, "runnable": cpu.runnable, "events_lost": cpu.events_lost,
            "overruns": dict(cpu.overruns), "cycles": cpu.cycles}
