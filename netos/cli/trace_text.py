"""What happened to a packet between two edges, in words."""

from __future__ import annotations

from netos.addresses import EtherAddress, IPv4Address
from netos.control.records import FRAME, IP, Record

ETHER = 14
Fields = dict[str, str]


def network_offset(record: Record) -> int | None:
    """Where the IPv4 header is in what was taken of the packet, if there is one."""
    data = record.data
    if record.network is not None:
        at = record.network
    elif record.link == IP:
        at = 0
    elif data[12:14] == b"\x08\x00":
        at = ETHER
    else:
        return None
    return at if len(data) >= at + 20 and data[at] >> 4 == 4 else None


def fields(record: Record) -> Fields:
    """The fields that say who sends what to whom."""
    data, found = record.data, Fields()
    if record.link == FRAME and len(data) >= ETHER:
        found["ether src"], found["ether dst"] = str(EtherAddress(data[6:12])), str(EtherAddress(data[:6]))
        found["ether type"] = f"0x{data[12:14].hex()}"
    at = network_offset(record)
    if at is None:
        return found
    ip = data[at:]
    found["src"], found["dst"] = str(IPv4Address(ip[12:16])), str(IPv4Address(ip[16:20]))
    found["ttl"], found["tos"], found["proto"] = str(ip[8]), str(ip[1]), str(ip[9])
    body = ip[4 * (ip[0] & 15):]
    if int.from_bytes(ip[6:8], "big") & 0x1FFF == 0 and len(body) >= 4:
        if ip[9] in (6, 17):
            found["sport"], found["dport"] = (str(int.from_bytes(body[at:at + 2], "big")) for at in (0, 2))
        elif ip[9] == 1:
            found["icmp type"], found["icmp code"] = str(body[0]), str(body[1])
    return found


def changes(before: Record, after: Record) -> list[str]:
    """What differs between two sights of a packet."""
    old, new = fields(before), fields(after)
    found = [f"{name} {old[name]} → {value}" for name, value in new.items() if old.get(name, value) != value]
    if before.link != after.link:
        found.append("Ethernet header gone" if after.link == IP else "Ethernet header put in front")
    difference = after.length - before.length
    if difference:
        found.append(f"{difference:+d} bytes")
    if not found and before.data != after.data:
        found.append(f"{sum(a != b for a, b in zip(before.data, after.data))} bytes changed")
    return found
