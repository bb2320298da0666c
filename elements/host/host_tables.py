"""How the tables of a stack read, and how what is written to them is understood: the handlers of HostStack."""

from __future__ import annotations

from ipaddress import IPv4Address

from netos.addresses import ipv4_number, parse_ipv4_prefix
from netos.errors import NetosError
from netos.proto import stack_tables
from netos.proto.stack import Stack

SHOWN = 10000       # connections that are listed at most
Endpoint = tuple[str, int]


def connections(stack: Stack) -> str:
    """Connections, one a line."""
    found = sorted(stack_tables.connections(stack, SHOWN))
    return "".join(f"{place(local)} {place(remote)} {' '.join(map(str, rest))}\n" for local, remote, *rest in found)


def listeners(stack: Stack) -> str:
    """Ports that are served, one a line."""
    return "".join(f"{protocol} {place(local)} {waiting}\n" for protocol, local, waiting in
                   stack_tables.listeners(stack))


def neighbours(stack: Stack) -> str:
    """Neighbours, one a line."""
    return "".join(f"{address} {ether or '-'} {interface} {state}{f' {age:.0f}' if ether else ''}\n"
                   for address, ether, interface, state, age in stack_tables.neighbours(stack))


def routes(stack: Stack) -> str:
    """Routes, one a line."""
    return "".join(f"{IPv4Address(network)}/{length} {IPv4Address(gateway) if gateway else '-'} {interface}\n"
                   for network, length, gateway, interface in sorted(stack_tables.routes(stack)))


def place(endpoint: Endpoint) -> str:
    """An endpoint as it is written."""
    return f"{endpoint[0]}:{endpoint[1]}"


def endpoint_of(text: str) -> Endpoint | None:
    """An endpoint as it was written, None for any."""
    if text == "-":
        return None
    address, colon, port = text.rpartition(":")
    try:
        ipv4_number(address)
        number = int(port)
        if not colon or not 0 < number < 65536:
            raise ValueError
    except ValueError:
        raise NetosError(f"{text} is no ADDRESS:PORT; `-` stands for any") from None
    return address, number


def kill(stack: Stack, text: str) -> int:
    """End connections; raises NetosError when there is none."""
    words = text.split()
    if len(words) != 2:
        raise NetosError("LOCAL REMOTE is wanted, each ADDRESS:PORT as in the table of connections, or `-` for any")
    killed = stack_tables.kill(stack, endpoint_of(words[0]), endpoint_of(words[1]))
    if not killed:
        raise NetosError("there is no such connection: see the handler connections")
    return killed


def route_of(text: str) -> tuple[str, str | None]:
    """PREFIX [GATEWAY]; raises NetosError."""
    words = text.split()
    if len(words) not in (1, 2):
        raise NetosError("PREFIX [GATEWAY] is wanted, as in 10.1.0.0/16 10.0.0.1")
    try:
        prefix = parse_ipv4_prefix(words[0])
        if len(words) == 2:
            ipv4_number(words[1])
    except ValueError as error:
        raise NetosError(str(error)) from None
    return str(prefix.network), words[1] if len(words) == 2 else None
