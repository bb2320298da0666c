"""What the wire formats have in common: their errors, what parsing gives, and how strictly it reads."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, ClassVar, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from netos.addresses import EtherAddress

HeaderType = TypeVar("HeaderType", covariant=True)
Endpoints = tuple[IPv4Address, IPv4Address]         # the source and destination of a pseudo header


class WireError(ValueError):
    """Bytes that are not what the protocol says, or a header that cannot be written: `protocol` and `field`."""

    def __init__(self, protocol: str, field: str, message: str) -> None:
        super().__init__(f"{protocol} {field}: {message}")
        self.protocol = protocol
        self.field = field


class Parsed(NamedTuple, Generic[HeaderType]):
    """What parsing gives: the header, what it carries, the bytes after that; what is wrong with it, if lenient."""

    header: HeaderType
    payload: bytes
    trailer: bytes = b""
    faults: tuple[WireError, ...] = ()


class Header(Protocol):
    """A header of any protocol."""

    protocol_name: ClassVar[str]

    def build(self, payload: bytes = b"") -> bytes:
        """The header and its payload as bytes, with lengths and checksums; raises WireError."""

    def show(self, payload: bytes = b"") -> str:
        """One line for people."""


class Reading:
    """One parsing: where faults go. A fault leaves the header readable; a strict reading raises it all the same."""

    def __init__(self, protocol: str, strict: bool) -> None:
        self.protocol = protocol
        self.strict = strict
        self.faults: list[WireError] = []
        self.names: dict[int, tuple[list[str], int, int]] = {}      # that pointers of DNS have led to, by their places

    def fault(self, field: str, message: str) -> None:
        """Something is wrong that can be passed over."""
        error = WireError(self.protocol, field, message)
        if self.strict:
            raise error
        self.faults.append(error)

    def refuse(self, field: str, message: str) -> NoReturn:
        """Something is wrong that makes the rest unreadable."""
        raise WireError(self.protocol, field, message)

    def need(self, data: bytes, length: int, field: str = "length") -> None:
        """At least `length` bytes have to be there."""
        if len(data) < length:
            self.refuse(field, f"{len(data)} bytes, where {length} are needed")


def number(protocol: str, field: str, value: int, size: int) -> bytes:
    """`value` in `size` bytes, in the order of the wire."""
    return bits(protocol, field, value, 8 * size).to_bytes(size, "big")


def bits(protocol: str, field: str, value: int, width: int) -> int:
    """`value`, if that many bits can hold it."""
    if not 0 <= value < 1 << width:
        raise WireError(protocol, field, f"{value} is not from 0 to {(1 << width) - 1}")
    return int(value)


def ether(value: Any) -> EtherAddress:
    """An Ethernet address from what a caller has: text, bytes, or an address."""
    return value if isinstance(value, EtherAddress) else EtherAddress(value)


def ipv4(value: Any) -> IPv4Address:
    """An IPv4 address from what a caller has: text, a number, four bytes, or an address."""
    return value if isinstance(value, IPv4Address) else IPv4Address(value)


def convert(header: Any, **conversions: Any) -> None:
    """Store fields of a frozen header in the type they are meant to have."""
    for field, conversion in conversions.items():
        try:
            value = conversion(getattr(header, field))
        except (ValueError, TypeError) as error:
            raise WireError(header.protocol_name, field, str(error)) from None
        object.__setattr__(header, field, value)
