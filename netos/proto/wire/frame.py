"""Whole frames: several headers at once, from the outside in."""

from __future__ import annotations

from typing import Any

from netos.proto.wire.arp import Arp
from netos.proto.wire.base import Header, Parsed, WireError
from netos.proto.wire.dhcp import PORTS as DHCP_PORTS
from netos.proto.wire.dhcp import Dhcp
from netos.proto.wire.dns import PORT as DNS_PORT
from netos.proto.wire.dns import Dns
from netos.proto.wire.ethernet import TYPE_ARP, TYPE_IPV4, Ethernet
from netos.proto.wire.icmp import Icmp
from netos.proto.wire.ipv4 import ICMP, TCP, UDP, Ipv4
from netos.proto.wire.tcp import Tcp
from netos.proto.wire.udp import Udp


def assemble(*layers: Header | bytes) -> bytes:
    """The bytes of headers, the outermost first, and of what the last one carries; checksums know their addresses.

    >>> frame = assemble(Ethernet(), Ipv4("10.0.0.1", "10.0.0.2", UDP), Udp(5000, 53), b"payload")
    """
    made = b""
    for at in reversed(range(len(layers))):
        layer: Any = layers[at]
        outer = layers[at - 1] if at else None
        if isinstance(layer, (bytes, bytearray, memoryview)):
            made = bytes(layer) + made
        elif isinstance(layer, (Udp, Tcp)) and isinstance(outer, Ipv4):
            made = layer.build(made, between=outer.between)
        else:
            made = layer.build(made)
    return made


def dissect(data: bytes, *, framed: bool = True, strict: bool = False) -> list[Header | bytes]:
    """The headers of a packet as far as they can be read, then the bytes that nobody knows (assemble()'s arguments).

    `framed`: it begins with an Ethernet header, else with that of IPv4. Strict: raises WireError at the first fault.
    """
    found = layers(data, framed, strict)
    rest = found[-1].payload if found else bytes(data)
    return [*(parsed.header for parsed in found), *([rest] if rest else [])]


def layers(data: bytes, framed: bool, strict: bool) -> list[Parsed[Any]]:
    """What parsing gives, from the outside in."""
    found: list[Parsed[Any]] = []
    kind: Any = Ethernet if framed else Ipv4
    while kind is not None:
        outer = found[-1].header if found else None
        options = {"between": outer.between} if isinstance(outer, Ipv4) and kind in (Udp, Tcp) else {}
        try:
            found.append(kind.parse(found[-1].payload if found else data, strict=strict, **options))
        except WireError:
            if strict:
                raise
            break
        kind = next_kind(found[-1].header)
    return found


def next_kind(header: Any) -> Any:
    """The protocol of what a header carries, None: only bytes."""
    if isinstance(header, Ethernet):
        return {TYPE_IPV4: Ipv4, TYPE_ARP: Arp}.get(header.type)
    if isinstance(header, Ipv4):
        return None if header.is_fragment else {ICMP: Icmp, TCP: Tcp, UDP: Udp}.get(header.protocol)
    if isinstance(header, Udp):
        if DNS_PORT in (header.source, header.destination):
            return Dns
        return Dhcp if {header.source, header.destination} <= DHCP_PORTS else None
    return None


def show(data: bytes, *, framed: bool = True) -> str:
    """A packet in words, a line for each header, with what is wrong with it; then its bytes."""
    found = layers(data, framed, False)
    lines = [f"{parsed.header.show(parsed.payload)}{''.join(f' [{fault}]' for fault in parsed.faults)}"
             for parsed in found]
    rest = found[-1].payload if found else bytes(data)
    if rest:
        lines.append(f"{len(rest)} bytes: {rest[:32].hex(' ', 2)}{' …' if len(rest) > 32 else ''}")
    return "\n".join(lines)
