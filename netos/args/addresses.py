"""Addresses as arguments: literal, or a name from AddressInfo (Click's IPAddressArg, IPPrefixArg, EtherAddressArg…).

`NAME:ip`, `NAME:eth` and so on ask for one kind of a name's addresses; without a suffix the argument's type says which.
"""

from __future__ import annotations

from typing import Any, ClassVar

from netos.addresses import (
    EtherAddress,
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    parse_ipv4,
    parse_ipv4_prefix,
    parse_ipv6,
    parse_ipv6_prefix,
)
from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.text import ListOf
from netos.args.types import ArgumentType, T
from netos.errors import ArgumentError


class AddressType(ArgumentType[T]):
    """A literal address, or a name that a database of one of `kinds` (suffix to kind) knows."""

    kinds: ClassVar[dict[str, str]] = {}

    def literal(self, text: str) -> T:
        """The address `text`; raises ValueError."""
        raise NotImplementedError

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> T:
        try:
            return self.literal(text)
        except ValueError as error:
            found = self.named(text, scope)
            if found is None:
                raise ArgumentError(f"parse error: {error}") from None
            address: T = found
            return address

    def named(self, text: str, scope: Scope) -> Any:
        """What a database says about the name, or None."""
        kind = self.kinds.get("")
        found = scope.database(kind, text) if kind else None
        if found is None and ":" in text:
            name, _, suffix = text.rpartition(":")
            kind = self.kinds.get(suffix.lower())
            found = scope.database(kind, name) if kind and name else None
        return found


class IPv4(AddressType[IPv4Address]):
    """An IPv4 address; `NAME:bcast` is the broadcast address of NAME's prefix, `NAME:gw` its gateway."""

    name = "IP address"
    kinds: ClassVar[dict[str, str]] = {"": "ip", "ip": "ip", "ip4": "ip", "gw": "gw"}

    def literal(self, text: str) -> IPv4Address:
        return parse_ipv4(text)

    def named(self, text: str, scope: Scope) -> Any:
        if text.lower().endswith(":bcast"):
            prefix = scope.database("ipnet", text[:-6])
            return prefix.network.broadcast_address if isinstance(prefix, IPv4Interface) else None
        return super().named(text, scope)


class PrefixType(AddressType[T]):
    """A prefix, host bits kept; `bare` allows an address alone too, which is a prefix of full length."""

    address: ClassVar[AddressType[Any]]

    def __init__(self, bare: bool = False) -> None:
        self.bare = bare

    def named(self, text: str, scope: Scope) -> Any:
        found = super().named(text, scope)
        if found is None and self.bare:
            address = self.address.named(text, scope)
            found = None if address is None else self.literal(str(address))
        return found


class IPv4Prefix(PrefixType[IPv4Interface]):
    """An IPv4 prefix `a.b.c.d/len`, `/mask`, or short form `18.26/16`."""

    name = "IP prefix"
    kinds: ClassVar[dict[str, str]] = {"": "ipnet", "net": "ipnet", "ipnet": "ipnet", "ip4net": "ipnet"}
    address = IPv4()

    def literal(self, text: str) -> IPv4Interface:
        return parse_ipv4_prefix(text, self.bare)


class IPv6(AddressType[IPv6Address]):
    """An IPv6 address."""

    name = "IPv6 address"
    kinds: ClassVar[dict[str, str]] = {"": "ip6", "ip6": "ip6"}

    def literal(self, text: str) -> IPv6Address:
        return parse_ipv6(text)


class IPv6Prefix(PrefixType[IPv6Interface]):
    """An IPv6 prefix `address/len`."""

    name = "IPv6 prefix"
    kinds: ClassVar[dict[str, str]] = {"": "ip6net", "net": "ip6net", "ip6net": "ip6net"}
    address = IPv6()

    def literal(self, text: str) -> IPv6Interface:
        return parse_ipv6_prefix(text, self.bare)


class Ether(AddressType[EtherAddress]):
    """An Ethernet address."""

    name = "Ethernet address"
    kinds: ClassVar[dict[str, str]] = {"": "eth", "eth": "eth", "ether": "eth", "ethernet": "eth"}

    def literal(self, text: str) -> EtherAddress:
        return EtherAddress(text)


class IPv4List(ListOf[IPv4Address]):
    """Space-separated IPv4 addresses, as a tuple."""

    def __init__(self) -> None:
        super().__init__(IPv4())


class IPv4PrefixList(ListOf[IPv4Interface]):
    """Space-separated IPv4 prefixes and addresses, as a tuple of prefixes."""

    def __init__(self) -> None:
        super().__init__(IPv4Prefix(bare=True))
