"""ARP frames built field by field (RFC 826), right and wrong ones, for tests."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

ETHER_BROADCAST = b"\xff" * 6
NO_ETHER = bytes(6)
REQUEST, REPLY = 1, 2


def station(last: int) -> bytes:
    """A unicast Ethernet address."""
    return bytes((2, 0, 0, 0, 0, last))


def arp_frame(operation: int, sender_ether: bytes, sender: str, target_ether: bytes, target: str, *,
              destination: bytes = ETHER_BROADCAST, hardware: int = 1, protocol: int = 0x0800,
              hardware_length: int = 6, protocol_length: int = 4, ethertype: int = 0x0806) -> bytes:
    """An Ethernet frame that carries an ARP packet with these fields."""
    return b"".join((destination, sender_ether, struct.pack("!H", ethertype),
                     struct.pack("!HHBBH", hardware, protocol, hardware_length, protocol_length, operation),
                     sender_ether, IPv4Address(sender).packed, target_ether, IPv4Address(target).packed))


def arp_request(sender_ether: bytes, sender: str, target: str) -> bytes:
    """Who has `target`? Tell `sender`."""
    return arp_frame(REQUEST, sender_ether, sender, NO_ETHER, target)


def arp_reply(sender_ether: bytes, sender: str, target_ether: bytes, target: str) -> bytes:
    """`sender` is at `sender_ether`, said to `target` alone."""
    return arp_frame(REPLY, sender_ether, sender, target_ether, target, destination=target_ether)


def malformed_arp(operation: int, sender_ether: bytes, sender: str, target_ether: bytes, target: str) -> list[bytes]:
    """Frames that lie or lack something: lengths, types, operation, sender, and every way to be cut short."""
    def wrong(**fields: int) -> bytes:
        return arp_frame(operation, sender_ether, sender, target_ether, target, **fields)  # type: ignore[arg-type]

    whole = wrong()
    return [
        wrong(hardware_length=255), wrong(protocol_length=255), wrong(hardware_length=0, protocol_length=0),
        wrong(hardware=6), wrong(protocol=0x86DD), wrong(ethertype=0x0800),
        arp_frame(0, sender_ether, sender, target_ether, target),
        arp_frame(25, sender_ether, sender, target_ether, target),
        arp_frame(operation, ETHER_BROADCAST, sender, target_ether, target),
        arp_frame(operation, NO_ETHER, sender, target_ether, target),
        *(whole[:length] for length in (0, 1, 13, 14, 15, 22, 41)),
    ]
