"""A packet that went out beside the one that the script expects: what differs, and segments that belong together."""

from __future__ import annotations

from typing import NamedTuple

from netos.testing.packetdrill.nodes import Icmp, Ip, Option, Tcp, Udp
from netos.testing.packetdrill.notation import show
from netos.testing.packetdrill.wire import MASK, Flow

MILLISECOND = 1_000_000


class Sent(NamedTuple):
    """A packet that the stack sent, when, and on which connection."""

    when: int
    packet: Tcp | Udp | Icmp
    ip: Ip
    flow: Flow


def joined(first: Sent, second: Sent) -> Sent | None:
    """Two segments as one, as a host whose link cuts super-segments would send them; None when they do not join."""
    a, b = first.packet, second.packet
    if not isinstance(a, Tcp) or not isinstance(b, Tcp) or first.flow is not second.flow or not a.length:
        return None
    if (a.end != b.sequence or a.acknowledgment != b.acknowledgment or not b.length
            or set(a.flags + b.flags) & set("SR")):
        return None
    flags = "".join(letter for letter in "SFRPUEW." if letter in a.flags + b.flags)
    packet = a._replace(flags=flags, end=b.end, length=a.length + b.length, window=b.window)
    return first._replace(packet=packet)


def differences(expected: Tcp | Udp | Icmp, ip: Ip, actual: Sent, tick: int, tolerance: int) -> list[str]:
    """The names of what is not as expected."""
    found = []
    packet = actual.packet
    if type(packet) is not type(expected):
        return ["the protocol"]
    if isinstance(expected, Tcp) and isinstance(packet, Tcp):
        found += [what for what, one, other in (
            ("the flags", expected.flags, packet.flags),
            ("the sequence number", expected.sequence & MASK, packet.sequence),
            ("the length", expected.length, packet.length)) if one != other]
        found += [what for what, one, other in (
            ("the acknowledgment", expected.acknowledgment, packet.acknowledgment),
            ("the window", expected.window, packet.window), ("the urgent pointer", expected.urgent, packet.urgent),
        ) if one is not None and one != other]
        if expected.options is not None:
            found += option_differences(expected.options, packet.options or (), actual, tick, tolerance)
    elif isinstance(expected, Udp):
        found += ["the length"] if expected != packet else []
    elif isinstance(expected, Icmp) and isinstance(packet, Icmp):
        found += [what for what, one, other in (
            ("the ICMP type", expected.kind, packet.kind), ("the ICMP code", expected.code, packet.code),
            ("the MTU", expected.mtu, packet.mtu), ("the quoted packet", expected.quoted, packet.quoted),
        ) if one is not None and one != other]
    found += [what for what, one, other in (
        ("the ECN field", ip.ecn, actual.ip.ecn), ("the TOS field", ip.tos, actual.ip.tos),
        ("the TTL", ip.ttl, actual.ip.ttl),
    ) if one is not None and one != other]
    return found


def option_differences(expected: tuple[Option, ...], actual: tuple[Option, ...], sent: Sent, tick: int,
                       tolerance: int) -> list[str]:
    """What differs in the options; the script's timestamps are learnt as those that the stack has sent."""
    if [option[0] for option in expected] != [option[0] for option in actual]:
        return ["the options"]
    found = []
    for one, other in zip(expected, actual):
        if one[0] != "TS":
            found += [f"the option {one[0]}"] if one != other else []
            continue
        script, real, stamps = one[1], other[1], sent.flow.stamps
        assert isinstance(script, int)
        assert isinstance(real, int)
        if tick and stamps:
            first, began = next(iter(stamps.items()))
            if abs((real - began) * MILLISECOND - (script - first) * tick) > tolerance + tick:
                found.append("the timestamp")
        if one[2] != other[2]:
            found.append("the timestamp's echo")
        stamps[script] = real
    return found


def show_sent(sent: Sent, expected: Tcp | Udp | Icmp, ip: Ip) -> str:
    """What went out, as far as the script says something about it."""
    packet = sent.packet
    if isinstance(packet, Tcp):
        options = tuple((one[0], sent.flow.stamp_out(int(str(one[1]))), *one[2:]) if one[0] == "TS" else one
                        for one in packet.options or ())
        packet = packet._replace(options=options)
        if isinstance(expected, Tcp):
            packet = packet._replace(options=None if expected.options is None else options,
                                     window=None if expected.window is None else packet.window)
    shown = Ip(*(actual if wanted is not None else None for actual, wanted in zip(sent.ip, ip)))
    return show(packet, shown)
