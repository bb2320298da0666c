"""Which device a name in a configuration means. Devices belong to a virtual CPU; elements claim them by name.

`NAME`, or `tap:NAME`, is a device the program has given to the virtual CPU under that name, else a tap interface of
that name, made if it is not there. `mem:NAME` is an end of a memory device. `pcap:FILE` is a capture file. Elements
that claim the same name share one device, which is opened when the graph is initialised and closed with its last claim.

Where a graph has replicas, each virtual CPU has a queue of the device of its own: of a tap, which is opened as
multi-queue, or of memory devices called NAME, NAME.1, NAME.2 and so on. Capture files have one reader only.
"""

from __future__ import annotations

from typing import Any

from netos.drivers.device import Device
from netos.errors import DeviceError

KINDS = ("tap", "mem", "pcap")


class Claim:
    """A device name in use on a virtual CPU: who wants it how, and the device once somebody has opened it.

    `attachment` is what serves the device on the virtual CPU; it belongs to the elements.
    """

    def __init__(self, cpu: Any, name: str, kind: str, device: Device | None = None, key: str = "") -> None:
        self.cpu = cpu
        self.name = name
        self.key = key or name
        self.kind = kind
        self.options: dict[str, Any] = {}
        self.holders = 0
        self.device = device
        self.given = device is not None
        self.opened = False
        self.attachment: Any = None
        self._keep: Any = None

    def add(self, options: dict[str, Any]) -> None:
        """Add what one more holder asks for; None asks for nothing."""
        for key, value in options.items():
            if value is None:
                continue
            known = self.options.get(key, value)
            if known != value and key not in ("reading", "writing"):
                raise DeviceError(f"the device {self.name} is asked for {key} {value} here and {key} {known} elsewhere",
                                  "say it once, or the same everywhere")
            if self.opened and key not in self.options and not self.given:
                raise DeviceError(f"the device {self.name} is in use without {key} {value}", "restart to change it")
        self.options.update((key, value) for key, value in options.items() if value is not None)
        self.holders += 1

    def open(self) -> Device:
        """The device, ready; every holder may call this."""
        if self.device is None:
            self.device = self._make()
        if not self.opened:
            self.device.open()
            self.opened = True
        return self.device

    def release(self) -> None:
        """One holder goes; with the last one the device is closed, unless it was given."""
        self.holders -= 1
        if self.holders > 0:
            return
        if self.attachment is not None:
            self.attachment.close()
            self.attachment = None
        if self.given:
            self.opened = False
            self.options.clear()
            return
        if self.device is not None:
            self.device.close()
        claims_of(self.cpu).pop(self.key, None)

    def _make(self) -> Device:
        options = {key: value for key, value in self.options.items() if key not in ("reading", "writing")}
        if self.kind == "tap":
            return self._tap(options)
        if options.keys() - {"offload"}:
            raise DeviceError(f"the device {self.kind}:{self.name} has no {', '.join(sorted(options))}",
                              "only taps have: leave it out")
        if self.kind == "mem":
            return self._memory(bool(options.get("offload")))
        from netos.drivers.pcap import PcapDevice

        return PcapDevice(self.name, reading="reading" in self.options, writing="writing" in self.options)

    def _tap(self, options: dict[str, Any]) -> Device:
        """The tap, or this virtual CPU's queue of it; a name that the kernel completes, the first one has got."""
        from netos.drivers.tap import Tap

        name = self.name
        if self.cpu.replicas > 1:
            if options.setdefault("multi_queue", True) is False:
                raise DeviceError(f"the device {name} is to have one queue, and {self.cpu.replicas} are needed",
                                  "leave MULTI_QUEUE out")
            first = claims_of(self.cpu.group.cpus[0]).get(self.key)
            if self.cpu.replica and first is not None and first.device is not None:
                name = first.device.name
        return Tap(name, **options)

    def _memory(self, offload: bool) -> Device:
        """The end of that name, or the first end of a new pair whose other end is NAME.peer."""
        from netos.drivers.memory import ends, memory_pair

        name = f"{self.name}.{self.cpu.replica}" if self.cpu.replica else self.name
        found: Device | None = ends.get(name)
        if found is None:
            found, self._keep = memory_pair(name, f"{name}.peer", offload=offload)
        return found


def claims_of(cpu: Any) -> dict[str, Claim]:
    """The device names in use on a virtual CPU."""
    claims: dict[str, Claim] = cpu.__dict__.setdefault("devices", {})
    return claims


def give_device(cpu: Any, device: Device, name: str = "") -> None:
    """Have configurations on this virtual CPU find `device` under a name, its own by default."""
    name = name or device.name
    claims = claims_of(cpu)
    if name in claims:
        raise DeviceError(f"the virtual CPU has a device {name} already")
    claims[name] = Claim(cpu, name, "given", device)


def claim_device(cpu: Any, specification: str, *, key: str = "", **options: Any) -> Claim:
    """Take part in the device that a configuration names; to be released again, opened or not.

    `key` tells devices apart whose names are patterns, such as tap%d, which the kernel completes.
    """
    kind, colon, name = specification.partition(":")
    if not colon or kind.lower() not in KINDS:
        kind, name = "tap", specification
    if not name:
        raise DeviceError(f"{specification!r} names no device", "NAME, tap:NAME, mem:NAME or pcap:FILE")
    if kind.lower() == "pcap" and cpu.replicas > 1:
        raise DeviceError(f"{specification} has one queue, and {cpu.replicas} virtual CPUs want one each",
                          "run without --jobs")
    claims = claims_of(cpu)
    claim = claims.get(key or name) or Claim(cpu, name, kind.lower(), key=key)
    claim.add(options)
    claims[claim.key] = claim
    return claim
