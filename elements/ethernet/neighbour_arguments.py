"""Arguments that pair IP addresses with Ethernet addresses: of ARPQuerier, ARPTable and ARPResponder."""

from __future__ import annotations

from typing import Any

from netos.addresses import EtherAddress, IPv4Address, IPv4Interface
from netos.args import EMPTY_SCOPE, ArgumentType, Ether, IPv4, IPv4Prefix, Remaining, Scope
from netos.errors import ArgumentError
from netos.lang.quoting import split_words


class AddressPair(ArgumentType[tuple[IPv4Address, EtherAddress]]):
    """`IP ETH`, the addresses of one neighbour."""

    name = "IP address and an Ethernet address"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[IPv4Address, EtherAddress]:
        words = split_words(text)
        if len(words) != 2:
            raise self.error(text, "is not an IP address and an Ethernet address")
        address, ether = IPv4().parse(words[0], scope), Ether().parse(words[1], scope)
        if ether.is_group:
            raise self.error(words[1], "is the address of a group, not of a neighbour")
        return address, ether


class OwnAddress(ArgumentType[tuple[IPv4Interface, EtherAddress | None]]):
    """An address with or without its prefix, or a NAME that AddressInfo knows; with NAME's Ethernet address, if any."""

    name = "IP address"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[IPv4Interface, EtherAddress | None]:
        return IPv4Prefix(bare=True).parse(text, scope), ether_or_none(text, scope)


class ProxyEntry(Remaining):
    """`IP[/MASK] [IP[/MASK] ...] ETH`, or a NAME with both kinds of address: (network, address) pairs as a tuple.

    A NAME stands for its address alone, never by accident for its whole network: that is `NAME:ipnet`.
    """

    name = "list of IP prefixes and an Ethernet address"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> Any:
        words = split_words(text)
        prefixes: list[IPv4Interface] = []
        ethers: list[EtherAddress] = []
        for word in words:
            ether = ether_or_none(word, scope)
            try:
                prefixes.append(host_or_prefix(word, scope))
            except ArgumentError:
                if ether is None:
                    raise self.error(word, "is neither an IP prefix nor an Ethernet address") from None
                ethers.append(ether)
            else:
                if len(words) == 1 and ether is not None:
                    ethers.append(ether)
        if not prefixes:
            raise self.error(text, "has no IP address; write IP/MASK ETH")
        if len(ethers) != 1:
            raise self.error(text, f"has {len(ethers) or 'no'} Ethernet addresses; write IP/MASK ETH")
        return tuple((prefix.network, ethers[0]) for prefix in prefixes)


def host_or_prefix(text: str, scope: Scope) -> IPv4Interface:
    """The address that the text is or names, as a prefix of full length, else the prefix."""
    try:
        return IPv4Interface(IPv4().parse(text, scope))
    except ArgumentError:
        return IPv4Prefix().parse(text, scope)


def ether_or_none(text: str, scope: Scope) -> EtherAddress | None:
    """The Ethernet address that the text is or names."""
    try:
        return Ether().parse(text, scope)
    except ArgumentError:
        return None
