"""ARP for IPv4 on Ethernet (RFC 826)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from netos.addresses import EtherAddress
from netos.proto.wire.base import Parsed, Reading, convert, ether, ipv4, number
from netos.proto.wire.ethernet import NOBODY

REQUEST, REPLY = 1, 2
BEGINNING = bytes((0, 1, 8, 0, 6, 4))       # Ethernet, IPv4, and the lengths of their addresses
LENGTH = 28
ANY = IPv4Address(0)


@dataclass(frozen=True)
class Arp:
    """A question or an answer; what follows it (padding) is its payload."""

    operation: int = REQUEST
    sender_ether: EtherAddress = NOBODY
    sender: IPv4Address = ANY
    target_ether: EtherAddress = NOBODY
    target: IPv4Address = ANY

    protocol_name: ClassVar[str] = "arp"

    def __post_init__(self) -> None:
        convert(self, sender_ether=ether, sender=ipv4, target_ether=ether, target=ipv4)

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Arp]:
        """Read a packet. Faults: an operation but request and reply, a sender that is a group."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, 8)
        if bytes(data[:6]) != BEGINNING:
            reading.refuse("hardware", f"{bytes(data[:6]).hex(' ')}: not of IPv4 on Ethernet")
        reading.need(data, LENGTH)
        made = cls(int.from_bytes(data[6:8], "big"), EtherAddress(bytes(data[8:14])), IPv4Address(bytes(data[14:18])),
                   EtherAddress(bytes(data[18:24])), IPv4Address(bytes(data[24:28])))
        if made.operation not in (REQUEST, REPLY):
            reading.fault("operation", f"{made.operation} is neither request nor reply")
        if made.sender_ether.is_group:
            reading.fault("sender_ether", f"{made.sender_ether} is a group")
        return Parsed(made, bytes(data[LENGTH:]), b"", tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The packet, with the padding given."""
        return (BEGINNING + number(self.protocol_name, "operation", self.operation, 2) + self.sender_ether.packed
                + self.sender.packed + self.target_ether.packed + self.target.packed + payload)

    def show(self, payload: bytes = b"") -> str:
        """Who asks for whom, or who is where."""
        if self.operation == REQUEST:
            return f"arp who-has {self.target} tell {self.sender} ({self.sender_ether})"
        if self.operation == REPLY:
            return f"arp {self.sender} is-at {self.sender_ether}"
        return f"arp operation {self.operation}"
