"""Ethernet II and IEEE 802.3 frames with VLAN tags (IEEE 802.1Q, 802.1ad), without the frame check sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netos.addresses import ETHER_BROADCAST, EtherAddress
from netos.proto.wire.base import Parsed, Reading, WireError, bits, convert, ether, number

TYPE_IPV4, TYPE_ARP, TYPE_VLAN, TYPE_IPV6, TYPE_PROVIDER = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88A8
NAMES = {TYPE_IPV4: "ip", TYPE_ARP: "arp", TYPE_IPV6: "ip6", 0: "802.3"}
TAGS = (TYPE_VLAN, TYPE_PROVIDER, 0x9100)
LENGTH_MAX = 1500               # up to here the type field is a length
TYPE_LEAST = 1536
NOBODY = EtherAddress(bytes(6))


@dataclass(frozen=True)
class Vlan:
    """One tag of a frame."""

    identifier: int
    priority: int = 0
    drop_eligible: bool = False
    type: int = TYPE_VLAN

    def __str__(self) -> str:
        return f"vlan {self.identifier} prio {self.priority}{' dei' if self.drop_eligible else ''}"


@dataclass(frozen=True)
class Ethernet:
    """A frame's header. A type of 0 stands for a frame of IEEE 802.3, which has a length there."""

    destination: EtherAddress = ETHER_BROADCAST
    source: EtherAddress = NOBODY
    type: int = TYPE_IPV4
    tags: tuple[Vlan, ...] = ()

    protocol_name: ClassVar[str] = "ethernet"

    def __post_init__(self) -> None:
        convert(self, destination=ether, source=ether, tags=tuple)

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Ethernet]:
        """Read a frame. A fault: a length past the end of the frame, a type that is none."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, 14)
        at, tags = 12, []
        kind = int.from_bytes(data[at:at + 2], "big")
        while kind in TAGS:
            reading.need(data, at + 6, "tags")
            control = int.from_bytes(data[at + 2:at + 4], "big")
            tags.append(Vlan(control & 0xFFF, control >> 13, bool(control & 0x1000), kind))
            at += 4
            kind = int.from_bytes(data[at:at + 2], "big")
        payload, trailer = bytes(data[at + 2:]), b""
        if kind <= LENGTH_MAX:
            if kind > len(payload):
                reading.fault("type", f"a length of {kind}, but {len(payload)} bytes follow")
            payload, trailer, kind = payload[:kind], payload[kind:], 0
        elif kind < TYPE_LEAST:
            reading.fault("type", f"{kind} is neither a length nor a type")
        return Parsed(cls(EtherAddress(bytes(data[:6])), EtherAddress(bytes(data[6:12])), kind, tuple(tags)), payload,
                      trailer, tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The frame, not padded."""
        kind = self.type
        if kind == 0:
            kind = len(payload)
            if kind > LENGTH_MAX:
                raise WireError(self.protocol_name, "type", f"a frame of 802.3 holds {LENGTH_MAX} bytes, not {kind}")
        elif kind < TYPE_LEAST or kind in TAGS:
            raise WireError(self.protocol_name, "type", f"{kind:#06x} is not a type of payload")
        return (self.destination.packed + self.source.packed + b"".join(map(build_tag, self.tags))
                + number(self.protocol_name, "type", kind, 2) + payload)

    def show(self, payload: bytes = b"") -> str:
        """Stations, tags, type."""
        tags = "".join(f", {tag}" for tag in self.tags)
        return (f"{self.source} > {self.destination}{tags}, {NAMES.get(self.type, f'type {self.type:#06x}')}, "
                f"{len(payload)} bytes")


def build_tag(tag: Vlan) -> bytes:
    """A VLAN tag: its type and control information."""
    if tag.type not in TAGS:
        raise WireError("ethernet", "tags", f"{tag.type:#06x} is not the type of a tag")
    control = (bits("ethernet", "tags", tag.priority, 3) << 13 | bool(tag.drop_eligible) << 12
               | bits("ethernet", "tags", tag.identifier, 12))
    return tag.type.to_bytes(2, "big") + control.to_bytes(2, "big")
