"""Rates: what happened between two snapshots of a running appliance's counters (netos.control.counters)."""

from __future__ import annotations

from typing import Any

Counts = dict[str, Any]
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def rates_between(before: Counts, after: Counts) -> Counts:
    """What happened each second, by element and device; `seconds` is the time between.

    elements    by name: {class, in, out (packets/s), bits (bits/s or None), drops (/s), queue, capacity, cpu (0 to 1)}
    devices     by name: {rx, tx (packets/s), rx_bits, tx_bits, errors (/s)}
    """
    seconds = max(after["uptime"] - before["uptime"], 1e-9)
    cycles = sum(cpu["cycles"] for cpu in after["cpus"]) - sum(cpu["cycles"] for cpu in before["cpus"])
    return {
        "generation": after["generation"], "uptime": after["uptime"], "seconds": seconds,
        "elements": {name: element_rates(before["elements"].get(name), element, seconds, cycles)
                     for name, element in after["elements"].items()},
        "devices": {name: device_rates(before["devices"].get(name), device, seconds)
                    for name, device in after["devices"].items()},
        "held": after["balance"].get("held", 0),
    }


def element_rates(before: Counts | None, after: Counts, seconds: float, cycles: int) -> Counts:
    """What an element did each second; one that was not there before began with nothing."""
    before = before or {"inputs": [], "outputs": [], "drops": {}}
    task, earlier = after.get("task"), before.get("task", {"cycles": 0})
    byte_counts = [(total(after[side], "bytes"), total(before[side], "bytes"))
                   for side in ("inputs", "outputs") if any(port["bytes"] is not None for port in after[side])]
    queue = after.get("queue", {})
    return {
        "class": after["class"],
        "in": growth(total(after["inputs"], "packets"), total(before["inputs"], "packets"), seconds),
        "out": growth(total(after["outputs"], "packets"), total(before["outputs"], "packets"), seconds),
        "bits": max((8 * growth(*pair, seconds) for pair in byte_counts), default=None),
        "drops": growth(sum(after["drops"].values()), sum(before["drops"].values()), seconds),
        "queue": queue.get("length"), "capacity": queue.get("capacity"),
        "cpu": growth(task["cycles"], earlier["cycles"], cycles) if task is not None and cycles > 0 else None,
    }


def device_rates(before: Counts | None, after: Counts, seconds: float) -> Counts:
    """What a device did each second."""
    nothing = {"packets": 0, "bytes": 0, "errors": 0}
    before = before or {"rx": nothing, "tx": nothing}
    found = {way: growth(after[way]["packets"], before[way]["packets"], seconds) for way in ("rx", "tx")}
    found |= {f"{way}_bits": 8 * growth(after[way]["bytes"], before[way]["bytes"], seconds) for way in ("rx", "tx")}
    found["errors"] = sum(growth(after[way]["errors"], before[way]["errors"], seconds) for way in ("rx", "tx"))
    return found


def total(ports: list[Counts], what: str) -> int:
    """The sum over ports; what was not counted is nothing."""
    return sum(port[what] or 0 for port in ports)


def growth(after: float, before: float, divisor: float) -> float:
    """How fast a counter grew; one that was reset has begun anew."""
    return (after - before if after >= before else after) / divisor


def short(value: float | None) -> str:
    """A number with three digits and a prefix."""
    if value is None:
        return ""
    for factor, prefix in PREFIXES:
        if value >= factor:
            return f"{value / factor:.3g}{prefix}" if value < 999.5 * factor else f"{value / factor:.0f}{prefix}"
    return f"{value:.3g}"
