"""What the primitives of pcap-filter(7) look at: each is a condition on the bytes of a packet, in libpcap's order.

The order matters where packets are cut short: a load past the end rejects the packet, whatever else the filter says.
"""

from __future__ import annotations

import struct

from netos.proto.pcapfilter_code import (
    AND_K,
    AT_LEAST,
    BITS,
    EQUAL,
    GREATER,
    LD,
    LD_LENGTH,
    LD_X,
    LDX_HEADER,
    NEVER,
    Condition,
    Not,
    Test,
    every,
    some,
)
from netos.proto.pcapfilter_names import (
    ETHER_ARP,
    ETHER_IP,
    ETHER_IP6,
    ETHER_PROTOCOLS,
    ETHER_RARP,
    FRAGMENT,
    ICMP6,
    IP_PROTOCOLS,
    SCTP,
    TCP,
    UDP,
    VLAN_TYPES,
)

ALL = 0xFFFFFFFF
LENGTH_MAX = 1500               # a greater number in a frame's type field is a type
SAP_PAIRS = (0xFE, 0xF0)        # LLC addresses that both ends have


class Layout:
    """Where headers are: behind an Ethernet header, and the tags that `vlan` has passed, or at the front."""

    def __init__(self, ether: bool = True) -> None:
        self.ether = ether
        self.type_at = 12
        self.network = 14 if ether else 0

    def compare(self, at: int, size: int, value: int, mask: int | None = None, jump: int = EQUAL) -> Condition:
        """A field compared with a value."""
        masked = () if mask is None else ((AND_K, mask),)
        return Test(((LD[size], at), *masked), jump, value)

    def carries(self, kind: int) -> Condition:
        """The packet is of this Ethernet type."""
        if not self.ether:
            version = {ETHER_IP: 0x40, ETHER_IP6: 0x60}.get(kind)
            return NEVER if version is None else self.compare(0, 1, version, 0xF0)
        if kind > LENGTH_MAX:
            return self.compare(self.type_at, 2, kind)
        length = Not(self.compare(self.type_at, 2, LENGTH_MAX, jump=GREATER))
        pair = kind in SAP_PAIRS
        return every(length, self.compare(self.type_at + 2, 2, kind << 8 | kind) if pair else
                     self.compare(self.type_at + 2, 1, kind))

    def protocol(self, name: str) -> Condition:
        """The packet is of the protocol that a word means."""
        if name in ETHER_PROTOCOLS:
            return self.carries(ETHER_PROTOCOLS[name])
        number, over_ip, over_ip6 = IP_PROTOCOLS[name]
        return self.ip_protocol(number, over_ip, over_ip6)

    def ip_protocol(self, number: int, over_ip: bool = True, over_ip6: bool = True) -> Condition:
        """IP carries this protocol; behind IPv6's fragment header, too."""
        at = self.network
        found = []
        if over_ip:
            found.append(every(self.carries(ETHER_IP), self.compare(at + 9, 1, number)))
        if over_ip6:
            found.append(every(self.carries(ETHER_IP6), some(
                self.compare(at + 6, 1, number),
                every(self.compare(at + 6, 1, FRAGMENT), self.compare(at + 40, 1, number)))))
        return some(*found)

    @staticmethod
    def directed(direction: str | None, source: Condition, destination: Condition) -> Condition:
        """What a direction asks for of both; either, if it does not say."""
        match direction:
            case "src":
                return source
            case "dst":
                return destination
            case "and":
                return every(source, destination)
        return some(source, destination)

    # Addresses

    def ether_host(self, address: bytes, direction: str | None = None) -> Condition:
        """A frame from or to an Ethernet address."""
        if not self.ether:
            return NEVER
        last, first = int.from_bytes(address[2:], "big"), int.from_bytes(address[:2], "big")
        return self.directed(direction, *(every(self.compare(at + 2, 4, last), self.compare(at, 2, first))
                                          for at in (6, 0)))

    def net(self, address: int, mask: int, direction: str | None, protocol: str | None = None) -> Condition:
        """An IPv4 address, in IP or, unless the protocol is named, ARP and RARP."""
        places = {"ip": (ETHER_IP, 12, 16), "arp": (ETHER_ARP, 14, 24), "rarp": (ETHER_RARP, 14, 24)}
        return some(*(self.directed(direction, *(every(
            self.carries(kind), self.compare(self.network + at, 4, address, None if mask == ALL else mask))
            for at in ends)) for name, (kind, *ends) in places.items() if protocol in (None, name)))

    def net6(self, address: bytes, mask: bytes, direction: str | None) -> Condition:
        """An IPv6 address."""
        def at(offset: int) -> Condition:
            return every(self.carries(ETHER_IP6), *(self.compare(
                self.network + offset + 4 * word, 4, value, None if bits == ALL else bits)
                for word, (value, bits) in enumerate(zip(struct.unpack("!4I", address), struct.unpack("!4I", mask)))))

        return self.directed(direction, at(8), at(24))

    # Ports

    def first_fragment(self) -> Condition:
        """An IPv4 packet that begins its datagram."""
        return Not(Test(((LD[2], self.network + 6),), BITS, 0x1FFF))

    def ports(self, low: int, high: int, direction: str | None, protocols: tuple[int, ...] = (SCTP, TCP, UDP)
              ) -> Condition:
        """A port from `low` to `high` of one of these protocols, over IPv6 or IPv4."""
        def field(at: int, *header: tuple[int, int]) -> Condition:
            load = (*header, ((LD_X if header else LD)[2], at))
            if low == high:
                return Test(load, EQUAL, low)
            return every(Test(load, AT_LEAST, low), Not(Test(load, GREATER, high)))

        six = some(*(every(self.compare(self.network + 6, 1, number),
                           self.directed(direction, field(self.network + 40), field(self.network + 42)))
                     for number in protocols))
        header = (LDX_HEADER, self.network)
        four = some(*(every(self.compare(self.network + 9, 1, number), self.first_fragment(),
                            self.directed(direction, field(self.network, header), field(self.network + 2, header)))
                      for number in protocols))
        return some(every(self.carries(ETHER_IP6), six), every(self.carries(ETHER_IP), four))

    # The rest

    def length(self, relation: str, number: int) -> Condition:
        """`less` is at most, `greater` at least."""
        longer = Test(((LD_LENGTH, 0),), AT_LEAST if relation == "greater" else GREATER, number)
        return longer if relation == "greater" else Not(longer)

    def broadcast(self) -> Condition:
        """A frame to everybody."""
        return self.ether_host(b"\xff" * 6, "dst")

    def multicast(self, protocol: str) -> Condition:
        """A frame, or an IP packet, to a group."""
        if protocol == "ether":
            return Test(((LD[1], 0),), BITS, 1) if self.ether else NEVER
        if protocol == "ip":
            return every(self.carries(ETHER_IP), self.compare(self.network + 16, 1, 224, jump=AT_LEAST))
        return every(self.carries(ETHER_IP6), self.compare(self.network + 24, 1, 255))

    def vlan(self, number: int | None) -> Condition:
        """A tag, of this network if one is named; what comes after it in the filter is looked for behind the tag."""
        if not self.ether:
            return NEVER
        tagged = some(*(self.compare(self.type_at, 2, kind) for kind in VLAN_TYPES))
        if number is not None:
            tagged = every(tagged, self.compare(self.type_at + 2, 2, number, 0xFFF))
        self.type_at += 4
        self.network += 4
        return tagged

    def guards(self, protocol: str, inner: tuple[Condition, ...]) -> tuple[Condition, ...]:
        """What must hold before `protocol[…]` can be read; `inner` is what its index needs."""
        if protocol == "ether":
            return inner if self.ether else (*inner, NEVER)
        if protocol in ETHER_PROTOCOLS:
            return (*inner, self.protocol(protocol))
        if protocol == "icmp6":
            return (*inner, self.carries(ETHER_IP6), self.compare(self.network + 6, 1, ICMP6))
        return (self.carries(ETHER_IP), *inner, self.protocol(protocol), self.first_fragment())
