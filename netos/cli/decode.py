"""The beginning of a packet in words: Ethernet, ARP, IPv4 with TCP, UDP or ICMP; else bytes."""

from __future__ import annotations

from elements.ethernet.arpprint import describe
from elements.ip.packet_lines import packet_line
from netos.addresses import EtherAddress

ETHERNET = 14
TYPES = {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6", 0x8100: "vlan"}
SHOWN = 32              # bytes of a packet that nobody knows


def describe_packet(data: bytes, length: int, network: int | None = None) -> str:
    """One line about a packet of that length that begins with `data`; `network` is where its IP header is marked."""
    if network is not None and is_ip(data[network:]):
        return packet_line(data[network:], length - network)
    kind = int.from_bytes(data[12:14], "big") if len(data) >= ETHERNET else 0
    if kind in TYPES:
        stations = f"{EtherAddress(data[6:12])} > {EtherAddress(data[:6])}: "
        body = data[ETHERNET:]
        if TYPES[kind] == "arp":
            return stations + describe(body)
        if TYPES[kind] == "ip" and is_ip(body):
            return stations + packet_line(body, length - ETHERNET)
        return f"{stations}{TYPES[kind]}, {length} bytes: {body[:SHOWN].hex(' ', 2)}"
    if is_ip(data):
        return packet_line(data, length)
    return f"{length} bytes: {data[:SHOWN].hex(' ', 2)}"


def is_ip(data: bytes) -> bool:
    """Whether this begins like an IPv4 header."""
    return len(data) >= 20 and data[0] >> 4 == 4 and data[0] & 15 >= 5
