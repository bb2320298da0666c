"""The counters of an appliance as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = dict[str, str]
Sample = tuple[Labels, float]

# Name without the prefix netos_, type, meaning; in the order they are shown.
FAMILIES = {
    "generation": ("gauge", "Which configuration runs; it grows with every replacement."),
    "uptime_seconds": ("gauge", "Seconds since the appliance can be asked."),
    "packets_total": ("counter", "Packets by how they came into the appliance and went."),
    "packets_held": ("gauge", "Packets that wait in queues and tables."),
    "buffers_missing_total": ("counter", "Times no packet buffer could be had."),
    "element_packets_total": ("counter", "Packets through a port of an element."),
    "element_bytes_total": ("counter", "Bytes through a port of an element, while bytes are counted."),
    "element_drops_total": ("counter", "Packets an element dropped, by reason."),
    "queue_length": ("gauge", "Packets waiting in a queue."),
    "queue_capacity": ("gauge", "Packets a queue can hold."),
    "task_runs_total": ("counter", "Runs of an element's task."),
    "task_cycles_total": ("counter", "Time stamp counter ticks spent in an element's task."),
    "device_packets_total": ("counter", "Packets a device received and sent."),
    "device_bytes_total": ("counter", "Bytes a device received and sent."),
    "device_errors_total": ("counter", "Packets a device could not receive or send."),
    "cpu_turns_total": ("counter", "Turns of a virtual CPU."),
    "cpu_task_runs_total": ("counter", "Task runs of a virtual CPU."),
    "cpu_runnable": ("gauge", "Tasks that can run on a virtual CPU."),
    "cpu_events_lost_total": ("counter", "Events for Python that a virtual CPU found no room for."),
    "cpu_overruns_total": ("counter", "Times an element kept all others of a virtual CPU waiting."),
}


def prometheus(counts: dict[str, Any]) -> str:
    """A snapshot (see netos.control.counters) as text."""
    samples: dict[str, list[Sample]] = {name: [] for name in FAMILIES}
    for name, labels, value in all_samples(counts):
        if value is not None:
            samples[name].append((labels, value))
    return "".join(line for name, found in samples.items() if found for line in family(name, found))


def family(name: str, samples: list[Sample]) -> Iterator[str]:
    """The lines of one metric."""
    kind, meaning = FAMILIES[name]
    yield f"# HELP netos_{name} {meaning}\n# TYPE netos_{name} {kind}\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
        yield f"netos_{name}{{{inside}}} {value}\n" if inside else f"netos_{name} {value}\n"


def escaped(text: str) -> str:
    """A label's value."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def all_samples(counts: dict[str, Any]) -> Iterator[tuple[str, Labels, Any]]:
    """Every number of a snapshot, under its metric."""
    yield "generation", {}, counts["generation"]
    yield "uptime_seconds", {}, counts["uptime"]
    for how, value in counts["balance"].items():
        if how == "held":
            yield "packets_held", {}, value
        elif how == "empty":
            yield "buffers_missing_total", {}, value
        else:
            yield "packets_total", {"how": how}, value
    for name, element in counts["elements"].items():
        yield from element_samples({"element": name, "class": element["class"]}, element)
    for name, device in counts["devices"].items():
        for way, numbers in device.items():
            for what, value in numbers.items():
                yield f"device_{what}_total", {"device": name, "direction": way}, value
    for number, cpu in enumerate(counts["cpus"]):
        labels = {"cpu": str(number)}
        yield "cpu_turns_total", labels, cpu["turns"]
        yield "cpu_task_runs_total", labels, cpu["task_runs"]
        yield "cpu_runnable", labels, cpu["runnable"]
        yield "cpu_events_lost_total", labels, cpu["events_lost"]
        for name, value in cpu["overruns"].items():
            yield "cpu_overruns_total", {**labels, "element": name}, value


def element_samples(labels: Labels, element: dict[str, Any]) -> Iterator[tuple[str, Labels, Any]]:
    """The numbers of one element."""
    for side in ("input", "output"):
        for number, port in enumerate(element[f"{side}s"]):
            place = {**labels, "direction": side, "port": str(number)}
            yield "element_packets_total", place, port["packets"]
            yield "element_bytes_total", place, port["bytes"]
    for reason, value in element["drops"].items():
        yield "element_drops_total", {**labels, "reason": reason}, value
    if "queue" in element:
        yield "queue_length", labels, element["queue"]["length"]
        yield "queue_capacity", labels, element["queue"]["capacity"]
    if "task" in element:
        yield "task_runs_total", labels, element["task"]["runs"]
        yield "task_cycles_total", labels, element["task"]["cycles"]
