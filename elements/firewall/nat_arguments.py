"""The arguments of SourceNat and DestinationNat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netos.addresses import IPv4Address
from netos.args import EMPTY_SCOPE, ArgumentType, IPv4, Scope
from netos.errors import ArgumentError

if TYPE_CHECKING:
    from netos.kernel.vcpu import VirtualCpu

PROTOCOLS = {"any": 0, "icmp": 1, "tcp": 6, "udp": 17}


def port_range(text: str, lowest: int = 1) -> tuple[int, int]:
    """The first and last port of `PORT` or `PORT-PORT`."""
    first, dash, last = text.partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
        raise ArgumentError(f"'{text}' is not a port or a range of ports (as 1024-65535)")
    found = int(first[:6]), int((last if dash else first)[:6])
    if not lowest <= found[0] <= found[1] <= 65535:
        raise ArgumentError(f"ports {text}: must be between {lowest} and 65535, the smaller one first")
    return found


def share_of(first: int, last: int, cpu: VirtualCpu) -> tuple[int, int]:
    """The part of a range that is this virtual CPU's alone: its replicas must not choose the same one."""
    count = last - first + 1
    if count < cpu.replicas:
        raise ArgumentError(f"{first}-{last} has {count} to choose from, fewer than there are virtual CPUs "
                            f"({cpu.replicas}): give more, or run with fewer --jobs")
    return first + count * cpu.replica // cpu.replicas, first + count * (cpu.replica + 1) // cpu.replicas - 1


class PortRange(ArgumentType[tuple[int, int]]):
    """A range of ports, `1024-65535`, or one port."""

    name = "range of ports"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[int, int]:
        return port_range(text.strip())


class Redirection(ArgumentType[tuple[int, IPv4Address, int, int, IPv4Address, int]]):
    """Where connections go: `tcp 192.0.2.1:8080 10.0.0.2:80`; ports are 0 where none are named.

    The value is (protocol, address, first port, last port, new address, new first port).
    """

    name = "redirection"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[int, IPv4Address, int, int, IPv4Address, int]:
        words = text.split()
        if len(words) != 3 or words[0] not in PROTOCOLS:
            raise self.error(text, "is not a redirection: write PROTOCOL ADDRESS[:PORT[-PORT]] ADDRESS[:PORT] "
                                   f"with one of {', '.join(PROTOCOLS)}")
        address, _, ports = words[1].partition(":")
        target, _, target_ports = words[2].partition(":")
        if (ports or target_ports) and words[0] not in ("tcp", "udp"):
            raise ArgumentError(f"{words[0]} has no ports; name tcp or udp")
        if target_ports and not ports:
            raise ArgumentError(f"'{words[2]}' names a port, but '{words[1]}' names none")
        first, last = port_range(ports) if ports else (0, 0)
        to = port_range(target_ports)[0] if target_ports else first
        if to + last - first > 65535:
            raise ArgumentError(f"there are not {last - first + 1} ports from {to} on")
        return PROTOCOLS[words[0]], IPv4().parse(address, scope), first, last, IPv4().parse(target, scope), to
