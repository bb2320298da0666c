"""Packets as packetdrill writes them."""

from __future__ import annotations

from netos.testing.packetdrill.names import ICMP_CODES, ICMP_TYPES
from netos.testing.packetdrill.nodes import Icmp, Ip, Option, Tcp, Udp

ECN_NAMES = ("noecn", "ect1", "ect0", "ce")


def show(packet: Tcp | Udp | Icmp, ip: Ip | None = None) -> str:
    """A packet, without its direction."""
    front = ""
    if ip is not None and ip.ecn is not None:
        front = f"[{ECN_NAMES[ip.ecn]}] "
    if ip is not None and ip.tos is not None:
        front += f"[tos {ip.tos:#x}] "
    if ip is not None and ip.ttl is not None:
        front += f"[ttl {ip.ttl}] "
    if isinstance(packet, Udp):
        return f"{front}udp ({packet.length})"
    if isinstance(packet, Icmp):
        return front + show_icmp(packet)
    text = f"{front}{packet.flags or '-'} {packet.sequence}:{packet.end}({packet.length})"
    if packet.acknowledgment is not None:
        text += f" ack {packet.acknowledgment}"
    if packet.window is not None:
        text += f" win {packet.window}"
    if packet.urgent is not None:
        text += f" urg {packet.urgent}"
    if packet.options is None:
        text += " <...>"
    elif packet.options:
        text += f" <{','.join(map(show_option, packet.options))}>"
    return text


def show_option(option: Option) -> str:
    """A TCP option."""
    name, *values = option
    if name == "TS":
        return f"TS val {values[0]} ecr {values[1]}"
    if name == "sack":
        blocks = values[0]
        assert isinstance(blocks, tuple)
        return " ".join(["sack", *(f"{first}:{end}" for first, end in blocks)])
    return " ".join(map(str, (name, *values)))


def show_icmp(packet: Icmp) -> str:
    """An ICMP message."""
    kind = next((name for name, number in ICMP_TYPES.items() if number == packet.kind), f"type {packet.kind}")
    codes = ICMP_CODES.get(packet.kind, {})
    code = next((name for name, number in codes.items() if number == packet.code), f"code {packet.code}")
    text = f"icmp {kind}" + (f" {code}" if codes or packet.code else "")
    if packet.mtu is not None:
        text += f" mtu {packet.mtu}"
    if isinstance(packet.quoted, Tcp):
        text += f" [{packet.quoted.sequence}:{packet.quoted.end}({packet.quoted.length})]"
    elif packet.quoted is not None:
        text += f" [{show(packet.quoted)}]"
    return text
