"""The data of DNS records as values: addresses, names, tuples; bytes where the type is not known (RFC 3597)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from netos.proto.wire.base import Reading, WireError, number
from netos.proto.wire.dns_name import build_name, parse_name

A, SOA_TYPE, MX_TYPE, TXT, AAAA, SRV_TYPE = 1, 6, 15, 16, 28, 33
NAMES = (2, 5, 12)              # NS, CNAME, PTR: a name alone


class Soa(NamedTuple):
    """The start of a zone's authority; times in seconds."""

    server: str
    contact: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


class Mx(NamedTuple):
    """A mail exchanger."""

    preference: int
    name: str


class Srv(NamedTuple):
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    name: str


Data = IPv4Address | IPv6Address | str | bytes | Soa | Mx | Srv | tuple[bytes, ...]


def parse_data(kind: int, message: bytes, at: int, end: int, reading: Reading) -> Data:
    """The data between two places of a message."""
    data = message[at:end]
    name = ""                           # parse_name has at least a dot
    if kind == A and len(data) == 4:
        return IPv4Address(data)
    if kind == AAAA and len(data) == 16:
        return IPv6Address(data)
    if kind in (A, AAAA):
        reading.refuse("data", f"an address of {len(data)} bytes")
    if kind in NAMES:
        name, at = parse_name(message, at, reading)
    elif kind == TXT:
        return parse_strings(data, reading)
    elif kind == SOA_TYPE:
        server, at = parse_name(message, at, reading)
        contact, at = parse_name(message, at, reading)
        if end - at == 20:
            return Soa(server, contact, *(int.from_bytes(message[at + i:at + i + 4], "big") for i in range(0, 20, 4)))
    elif kind == MX_TYPE and len(data) > 2:
        name, at = parse_name(message, at + 2, reading)
    elif kind == SRV_TYPE and len(data) > 6:
        name, at = parse_name(message, at + 6, reading)
    elif kind not in (MX_TYPE, SRV_TYPE):
        return data
    if at != end or not name:
        reading.refuse("data", f"of a record of type {kind} has not the length it should have")
    if kind == MX_TYPE:
        return Mx(int.from_bytes(data[:2], "big"), name)
    if kind == SRV_TYPE:
        priority, weight, port = (int.from_bytes(data[i:i + 2], "big") for i in (0, 2, 4))
        return Srv(priority, weight, port, name)
    return name


def parse_strings(data: bytes, reading: Reading) -> tuple[bytes, ...]:
    """The strings of a TXT record."""
    found, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            reading.refuse("data", "a string runs past the end of its record")
        found.append(data[at + 1:end])
        at = end
    return tuple(found)


def build_data(kind: int, data: Any, at: int, known: dict[tuple[bytes, ...], int]) -> bytes:
    """The data as bytes at a place of a message; names are compressed where RFC 3597 allows it."""
    try:
        if isinstance(data, bytes) and kind not in (A, AAAA, TXT, SOA_TYPE, MX_TYPE, SRV_TYPE, *NAMES):
            return data
        if kind == A:
            return IPv4Address(data).packed
        if kind == AAAA:
            return IPv6Address(data).packed
        if kind in NAMES:
            return build_name(data, at, known)
        if kind == TXT:
            return b"".join(number("dns", "data", len(text), 1) + text for text in data)
        if kind == SOA_TYPE:
            made = build_name(data[0], at, known)
            made += build_name(data[1], at + len(made), known)
            return made + b"".join(number("dns", "data", value, 4) for value in Soa(*data)[2:])
        if kind == MX_TYPE:
            return number("dns", "data", data[0], 2) + build_name(data[1], at + 2, known)
        if kind == SRV_TYPE:
            return b"".join(number("dns", "data", value, 2) for value in data[:3]) + build_name(data[3], 0, None)
    except (TypeError, IndexError, AttributeError) as error:
        raise WireError("dns", "data", f"{data!r}: {error}") from None
    except ValueError as error:
        raise error if isinstance(error, WireError) else WireError("dns", "data", str(error)) from None
    raise WireError("dns", "data", f"{data!r} is not bytes")


def show_data(data: Data) -> str:
    """As a zone file would have it, nearly."""
    if isinstance(data, bytes):
        return f"\\# {len(data)} {data.hex()}"
    if isinstance(data, tuple):
        return " ".join(repr(item.decode("ascii", "backslashreplace")) if isinstance(item, bytes) else str(item)
                        for item in data)
    return str(data)
