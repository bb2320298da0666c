"""The entries of the information elements that name things: AddressInfo, PortInfo, AnnotationInfo.

Each function defines what one argument of the element says, for the compound element it stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netos.addresses import EtherAddress, parse_ipv4, parse_ipv4_prefix, parse_ipv6, parse_ipv6_prefix
from netos.args.annotations import AREA, AnnotationPlace
from netos.args.names import NameDatabase
from netos.args.numbers import integer
from netos.args.wellknown import service_entries
from netos.errors import ArgumentError
from netos.lang.quoting import split_words, unquote

READERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("ip", parse_ipv4), ("ipnet", parse_ipv4_prefix), ("ip6", parse_ipv6), ("ip6net", parse_ipv6_prefix),
    ("eth", EtherAddress),
)


def define_addresses(names: NameDatabase, entry: str, compound: str = "") -> None:
    """AddressInfo: `NAME ADDRESS…`, addresses and prefixes of any kind.

    A prefix with host bits is also an address: `a 1.0.0.1/24` defines `a:ip` and `a:ipnet`.
    """
    words = [unquote(word) for word in split_words(entry)]
    if len(words) < 2:
        raise ArgumentError(f"'{entry}': expected NAME ADDRESS...")
    name, *texts = words
    defined = [found for text in texts for found in addresses_of(name, text)]
    for kind, value in defined:
        names.define(kind, name, value, compound)


def addresses_of(name: str, text: str) -> list[tuple[str, Any]]:
    """What one address of an AddressInfo entry defines: kinds and values."""
    for kind, read in READERS:
        try:
            value = read(text)
        except ValueError:
            continue
        if kind.endswith("net") and (value.ip != value.network.network_address or value.network.num_addresses == 1):
            return [(kind, value), (kind.removesuffix("net"), value.ip)]
        return [(kind, value)]
    raise ArgumentError(f"{name}: '{text}' is not an IP, IPv6 or Ethernet address or prefix")


def define_ports(names: NameDatabase, entry: str, compound: str = "") -> None:
    """PortInfo: `NAME PORT[/tcp|/udp] [ALIAS…]`, or lines as /etc/services has them, comments included."""
    for line in entry.splitlines():
        found = service_entries(line)
        if not found and line.partition("#")[0].strip():
            raise ArgumentError(f"'{line.strip()}': expected NAME PORT[/tcp or /udp]")
        for kind, name, port in found:
            names.define(kind, name, port, compound)


def define_annotation(names: NameDatabase, entry: str, compound: str = "") -> None:
    """AnnotationInfo: `NAME OFFSET SIZE`, in bytes."""
    words = split_words(entry)
    offset, size = (integer(word) for word in words[1:]) if len(words) == 3 else (None, None)
    if offset is None or size is None or not 0 <= offset < offset + size <= AREA:
        raise ArgumentError(f"'{entry}': expected NAME OFFSET SIZE, within {AREA} bytes")
    names.define("annotation", words[0], AnnotationPlace(offset, size), compound)
