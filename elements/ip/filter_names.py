"""The vocabulary of IPFilter's and IPClassifier's primitives (Click's ipfilter.cc and ipnameinfo.cc)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from elements.standard.decision_graph import ANNOTATION, NETWORK, TRANSPORT
from netos.addresses import EtherAddress, IPv4Address, IPv4Interface
from netos.args.addresses import Ether, IPv4, IPv4Prefix
from netos.args.types import closest
from netos.args.wellknown import WELL_KNOWN

Resolve = Callable[[str, str], object]

ICMP, TCP, UDP = 1, 6, 17
TCP_OR_UDP = 0x1_0000   # not protocol numbers: "either", and "whatever has a transport header"
TRANSP = 0x1_0001
PSEUDO_PROTOCOLS = {"tcpudp": TCP_OR_UDP, "transp": TRANSP}

FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10, "urg": 0x20, "ece": 0x40, "cwr": 0x80}


class Field(NamedTuple):
    """Some bits of the network or the transport header; the latter's protocol may matter."""

    space: int
    bit: int
    bits: int
    protocol: int | None = None


FIELDS = {
    "vers": Field(NETWORK, 0, 4), "hl": Field(NETWORK, 4, 4), "tos": Field(NETWORK, 8, 8), "dscp": Field(NETWORK, 8, 6),
    "len": Field(NETWORK, 16, 16), "id": Field(NETWORK, 32, 16), "ttl": Field(NETWORK, 64, 8),
    "type": Field(TRANSPORT, 0, 8, ICMP), "win": Field(TRANSPORT, 112, 16, TCP), "state": Field(ANNOTATION, 8 * 19, 8),
}
ICMP_TYPE = FIELDS["type"]
STATE = FIELDS["state"]
STATES = {"untracked": 0, "new": 1, "established": 2, "related": 3, "invalid": 4}   # as ConnTrack numbers them
KINDS = frozenset(["host", "net", "port", "proto", "opt", "frag", "unfrag", "ect", "ce", *FIELDS])
WITHOUT_DATA = frozenset(["frag", "unfrag", "ce"])
DIRECTIONS = frozenset(["src", "dst"])
CONSTANTS = {"true": True, "any": True, "all": True, "false": False}


class Meaning(NamedTuple):
    """One thing that a name may mean: a kind of data, its value, and how to ask for just this."""

    kind: str
    value: int
    spelling: str


class Vocabulary:
    """What names mean: the fixed ones, and those that the configuration defines."""

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve

    def database(self, kind: str, name: str) -> object | None:
        """What `name` means in a database, for the argument types of netos.args."""
        return self.resolve(kind, name)

    def element(self, name: str) -> object | None:
        return None

    def warn(self, message: object) -> None:
        pass

    def number(self, kind: str, name: str) -> int | None:
        """The number a name stands for in a database."""
        found = self.resolve(kind, name)
        return found if isinstance(found, int) else None

    def protocol(self, name: str) -> int | None:
        """The IP protocol, or pseudo-protocol, of this name."""
        return PSEUDO_PROTOCOLS.get(name, self.number("ip protocol", name))

    def meanings(self, name: str) -> Iterator[Meaning]:
        """Everything that a name may mean as data of a primitive."""
        tcp, udp = self.number("tcp port", name), self.number("udp port", name)
        if tcp is not None and tcp == udp:
            yield Meaning("port", tcp, f"port {name}")
        else:
            if tcp is not None:
                yield Meaning("tcp port", tcp, f"tcp port {name}")
            if udp is not None:
                yield Meaning("udp port", udp, f"udp port {name}")
        if name in FLAGS:
            yield Meaning("opt", FLAGS[name], f"tcp opt {name}")
        icmp = self.number("icmp type", name)
        if icmp is not None:
            yield Meaning("type", icmp, f"icmp type {name}")
        if name in STATES:
            yield Meaning("state", STATES[name], f"state {name}")

    def address(self, name: str) -> IPv4Address | IPv4Interface | EtherAddress | None:
        """The address that AddressInfo gives a name."""
        for found in (IPv4().named(name, self), IPv4Prefix().named(name, self), Ether().named(name, self)):
            if isinstance(found, IPv4Address | IPv4Interface | EtherAddress):
                return found
        return None

    def prefix(self, name: str) -> IPv4Interface | None:
        """The IP prefix that AddressInfo gives a name."""
        found = IPv4Prefix().named(name, self)
        return found if isinstance(found, IPv4Interface) else None

    def suggestion(self, word: str) -> str:
        """A sentence's end that names the word which may have been meant."""
        known = [*KINDS, *FLAGS, *STATES, *CONSTANTS, *DIRECTIONS, *PSEUDO_PROTOCOLS, "and", "or", "not", "ip", "ether",
                 "mask",
                 *(name for kind in ("ip protocol", "icmp type", "tcp port", "udp port") for name in WELL_KNOWN[kind])]
        hint = closest(word, known)
        return f"; did you mean '{hint}'?" if hint else ""
