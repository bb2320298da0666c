"""One primitive of IPFilter's language, such as `src tcp port >= 1024`: completed, checked, and made a condition.

Follows Click's ipfilter.cc: a primitive takes what it leaves out from the one before it, a test of a transport header
implies the protocol and a first fragment, and a relation such as `!=` fails where the packet ends before the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from elements.ip.filter_names import ICMP_TYPE, STATE, TCP, TCP_OR_UDP, TRANSP, UDP, Field
from elements.standard.decision import All, Always, AnyOf, Condition, Equal, Greater, Not, Present
from elements.standard.decision_facts import FRAGMENT_MASK, FRAGMENT_WORD, PROTOCOL_MASK, PROTOCOL_WORD
from elements.standard.decision_graph import NETWORK, TRANSPORT

ALL_ONES = 0xFFFF_FFFF
PORTS = frozenset(["int", "range", "port", "tcp port", "udp port"])
ADDRESSES = frozenset(["host", "net", "ether"])
FIRST_FRAGMENT = Equal(FRAGMENT_WORD, FRAGMENT_MASK, 0)
WHOLE_DATAGRAM = Equal(FRAGMENT_WORD, 0x3FFF, 0)
PROTOCOL_FIELD = Field(NETWORK, 72, 8)
ECN_FIELD = Field(NETWORK, 14, 2)
NAMES = {"host": "host", "net": "net", "ether": "ether host", "port": "port", "proto": "ip proto", "opt": "tcp opt",
         "ect": "ip ect"}


class Data(NamedTuple):
    """What a primitive compares with; `more` is the mask of a net, the end of a range."""

    kind: str
    value: int
    more: int = 0


class Unsuitable(Exception):
    """The parts of a primitive do not fit together."""


Warn = Callable[[str], None]


@dataclass(slots=True)
class Primitive:
    """What a primitive says. `kind` is a field, or one of filter_names.KINDS, or `ether`."""

    kind: str | Field | None = None
    protocol: int | None = None
    direction: str = ""     # src, dst, and, or
    mask: int | None = None
    relation: str = "="
    data: Data | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The kind, as an error message calls it."""
        return NAMES.get(self.kind, self.kind) if isinstance(self.kind, str) else "field"

    def complete(self, before: Primitive | None) -> None:
        """Find the kind that was left out from the data, or from the primitive before; and what belongs to it."""
        if self.kind is not None:
            return
        before = before or Primitive()
        match self.data.kind if self.data else "nothing":
            case "nothing":
                if self.protocol is None:
                    raise Unsuitable("partial directive: name a host, net, port or header field")
                self.kind = "proto"
            case "host" | "net" | "ether" as kind:
                self.kind = kind
            case "opt":
                self.kind = "opt"
            case "type":
                self.kind = ICMP_TYPE
            case "state":
                self.kind = STATE
            case "int" | "range":
                if not (isinstance(before.kind, Field) or before.kind in ("port", "proto", "ect")):
                    raise Unsuitable("specify header field or 'port'")
                self.kind = before.kind
            case _:
                self.kind = "port"
        if self.kind == "port" or self.kind in ADDRESSES:
            self.direction = self.direction or before.direction
        if self.kind == "port" and self.protocol is None:
            self.protocol = before.protocol

    def condition(self) -> Condition:
        """What the completed primitive asks of a packet."""
        if self.direction and self.kind != "port" and self.kind not in ADDRESSES:
            self.warnings.append("'src' or 'dst' is meaningless here")
        match self.kind:
            case "host" | "net":
                body = self.address_condition()
            case "ether":
                body = self.ether_condition()
            case "port":
                body = self.port_condition()
            case "proto":
                return self.protocol_condition()
            case "opt":
                body = self.flags_condition()
            case "frag":
                body = Present(Not(WHOLE_DATAGRAM))
            case "unfrag":
                body = WHOLE_DATAGRAM
            case "ce":
                body = Equal(NETWORK, 0x3_0000, 0x3_0000)
            case "ect":
                if self.data is None:
                    self.data, self.relation = Data("int", 0), "!="
                body = self.field_condition(ECN_FIELD)
            case Field() as chosen:
                if chosen.protocol is not None:
                    self.imply(chosen.protocol)
                body = self.field_condition(chosen)
            case _:
                raise AssertionError("complete() was not called")
        transport = self.kind in ("port", "opt") or (isinstance(self.kind, Field) and self.kind.space == TRANSPORT)
        return All(((FIRST_FRAGMENT,) if transport else ()) + protocol_terms(self.protocol) + (body,))

    def imply(self, protocol: int, *others: int) -> None:
        """The primitive makes sense for `protocol`, which is meant if none was named, or one of the others."""
        if self.protocol is None:
            self.protocol = protocol
        elif protocol != TRANSP and self.protocol not in (protocol, *others):
            raise Unsuitable(f"bad protocol for '{self.name}' directive")

    def refuse_relation(self) -> None:
        """Refuse orders and masks, where only equal or not makes sense."""
        if self.relation not in ("=", "!=") or self.mask is not None:
            raise Unsuitable(f"can't use relational operators or masks with '{self.name}'")

    def negated(self, condition: Condition, negate: bool) -> Condition:
        return Present(Not(condition)) if negate else condition

    def directed(self, source: Condition, destination: Condition) -> Condition:
        """The conditions on source and destination that the direction asks for; either, if it does not say."""
        match self.direction:
            case "src":
                return source
            case "dst":
                return destination
            case "and":
                return All((source, destination))
        return AnyOf((source, destination))

    def address_condition(self) -> Condition:
        if self.data is None or self.data.kind != self.kind:
            raise Unsuitable("IP address missing in 'host' directive" if self.kind == "host" else
                             "IP prefix missing in 'net' directive (ADDRESS/LENGTH or ADDRESS mask MASK)")
        self.refuse_relation()
        mask = ALL_ONES if self.kind == "host" else self.data.more
        value = self.data.value & mask
        return self.negated(self.directed(Equal(NETWORK + 12, mask, value), Equal(NETWORK + 16, mask, value)),
                            self.relation == "!=")

    def ether_condition(self) -> Condition:
        if self.data is None or self.data.kind != "ether":
            raise Unsuitable("Ethernet address missing in 'ether host' directive")
        self.refuse_relation()
        address = self.data.value
        source = All((Equal(4, 0xFFFF, address >> 32), Equal(8, ALL_ONES, address & ALL_ONES)))
        destination = All((Equal(0, ALL_ONES, address >> 16), Equal(4, 0xFFFF_0000, (address & 0xFFFF) << 16)))
        return self.negated(self.directed(source, destination), self.relation == "!=")

    def port_condition(self) -> Condition:
        if self.data is None or self.data.kind not in PORTS:
            raise Unsuitable("port number missing in 'port' directive")
        self.imply(TCP_OR_UDP, TCP, UDP)
        at, negate = self.comparison(self.data, 0xFFFF)
        return self.negated(self.directed(at(TRANSPORT, 16), at(TRANSPORT, 0)), negate)

    def protocol_condition(self) -> Condition:
        if self.data is None:
            if self.protocol is None:
                raise Unsuitable("IP protocol missing in 'proto' directive")
            return All(protocol_terms(self.protocol))
        if self.protocol is not None:
            raise Unsuitable("transport protocol specified twice")
        if self.data.value <= 0xFF or self.data.kind == "range":
            return self.field_condition(PROTOCOL_FIELD)
        if self.data.kind == "int":
            raise Unsuitable(f"value {self.data.value} out of range (0-255)")
        self.refuse_relation()
        return self.negated(All(protocol_terms(self.data.value)), self.relation == "!=")

    def flags_condition(self) -> Condition:
        if self.data is None or self.data.kind not in ("opt", "int"):
            raise Unsuitable("TCP options missing in 'tcp opt' directive")
        self.imply(TCP)
        if self.relation != "=" or self.mask is not None:
            raise Unsuitable("can't use relational operators or masks with 'tcp opt'")
        if self.data.value > 0xFF:
            raise Unsuitable(f"value {self.data.value} out of range (0-255)")
        return Equal(TRANSPORT + 12, self.data.value << 16, self.data.value << 16)

    def field_condition(self, chosen: Field) -> Condition:
        if self.data is None:
            raise Unsuitable("value missing after header field")
        at, negate = self.comparison(self.data, (1 << chosen.bits) - 1)
        return self.negated(at(chosen.space + chosen.bit // 32 * 4, 32 - chosen.bit % 32 - chosen.bits), negate)

    def comparison(self, data: Data, full: int) -> tuple[Callable[[int, int], Condition], bool]:
        """The relation, given a word's offset and the field's distance from its right end; and whether to negate it."""
        mask = full if self.mask is None else self.mask
        value = data.value
        if mask & ~full:
            raise Unsuitable(f"mask {mask:#x} out of range (0-{full:#x})")
        if self.relation in ("=", "!=") and max(value, data.more) > full:
            raise Unsuitable(f"value {max(value, data.more)} out of range (0-{full})")
        if data.kind == "range":
            if self.relation not in ("=", "!="):
                raise Unsuitable("can't use '<' or '>' with a range")
            return lambda offset, shift: Present(All((
                greater(offset, shift, mask, value - 1),
                Not(greater(offset, shift, mask, data.more))))), self.relation == "!="
        if self.relation in ("=", "!="):
            if value & ~mask:
                self.warn_constant(self.relation == "!=", mask)
                return lambda offset, shift: Always(False), self.relation == "!="
            return lambda offset, shift: Equal(offset, mask << shift, value << shift), self.relation == "!="
        if self.relation in ("<", ">="):
            value -= 1
        negate = self.relation in ("<", "<=")
        if value < 0 or value >= mask:
            self.warn_constant((value < 0) != negate, mask)
        return lambda offset, shift: greater(offset, shift, mask, value), negate

    def warn_constant(self, value: bool, mask: int) -> None:
        assert self.data is not None
        self.warnings.append(
            f"relation '{self.relation} {self.data.value}' is always {str(value).lower()} (range 0-{mask})")


def greater(offset: int, shift: int, mask: int, value: int) -> Condition:
    """A masked field is greater than a value, which may be out of its range."""
    if value < 0:
        return Always(True)
    return Always(False) if value >= mask else Greater(offset, mask << shift, value << shift)


def protocol_terms(protocol: int | None) -> tuple[Condition, ...]:
    """The condition that a protocol or pseudo-protocol stands for."""
    if protocol is None or protocol == TRANSP:
        return ()
    numbers = (TCP, UDP) if protocol == TCP_OR_UDP else (protocol,)
    tests = tuple(Equal(PROTOCOL_WORD, PROTOCOL_MASK, number << 16) for number in numbers)
    return (AnyOf(tests),) if len(tests) > 1 else tests
