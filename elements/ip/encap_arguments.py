"""Arguments of the elements that put IP headers in front of packets (Click's IPEncap, UDPIPEncap)."""

from __future__ import annotations

from netos.addresses import IPv4Address
from netos.args import EMPTY_SCOPE, ArgumentType, Bool, IPv4, Scope


class AddressOrAnnotation(ArgumentType[IPv4Address | None]):
    """An IPv4 address, or DST_ANNO for each packet's destination annotation, which is None."""

    name = "IP address"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> IPv4Address | None:
        return None if text == "DST_ANNO" else IPv4().parse(text, scope)


class Capable(ArgumentType[int]):
    """Whether to say ECN-capable, as the two bits of RFC 3168: false, true for ECT(1), or 2 for ECT(0)."""

    name = "bool"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        return 2 if text == "2" else int(Bool().parse(text, scope))


def shown(address: IPv4Address | None) -> str:
    """The address as handlers print it."""
    return "DST_ANNO" if address is None else str(address)
