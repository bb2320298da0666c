"""Names and addresses: what loop.getaddrinfo() answers on the stack, numbers, this host, the hosts file, DNS."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

from netos.addresses import ipv4_number

HOSTS = Path("/etc/hosts")
KINDS = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}


def service_number(port: Any, kind: int) -> int:
    """A port by number or by the name of its service; raises gaierror."""
    if port is None:
        return 0
    text = port.decode() if isinstance(port, bytes) else port
    try:
        number = int(text or 0)
    except ValueError:
        try:
            return socket.getservbyname(text, "udp" if kind == socket.SOCK_DGRAM else "tcp")
        except OSError:
            raise socket.gaierror(socket.EAI_SERVICE, f"no service is called {text!r}") from None
    if not 0 <= number <= 65535:
        raise socket.gaierror(socket.EAI_SERVICE, f"a port is from 0 to 65535, not {number}")
    return number


def hosts_entries() -> list[tuple[str, list[str]]]:
    """The lines of the hosts file: an address and its names."""
    try:
        lines = HOSTS.read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        return []
    return [(words[0], words[1:]) for line in lines if (words := line.partition("#")[0].split())]


def hosts_file(name: str) -> list[str]:
    """The IPv4 addresses that the hosts file has for a name."""
    return [address for address, names in hosts_entries()
            if name.lower() in map(str.lower, names) and is_number(address)]


def is_number(text: str) -> bool:
    """Whether the text is an IPv4 address."""
    try:
        ipv4_number(text)
    except ValueError:
        return False
    return True


def kinds_of(type: int, proto: int) -> list[tuple[socket.SocketKind, int]]:
    """The kinds of sockets, with their protocols, that these stand for, 0 for any; raises gaierror."""
    found = [(kind, protocol) for kind, protocol in KINDS.items() if type in (0, kind) and proto in (0, protocol)]
    if not found:
        raise socket.gaierror(socket.EAI_SOCKTYPE, f"the stack has no sockets of type {type} and protocol {proto}")
    return found


def number_as_typed(text: str) -> str | None:
    """The address that people mean by 127.1 or 0x7f000001, as inet_aton(3) has it, or None."""
    try:
        return socket.inet_ntoa(socket.inet_aton(text)) if re.fullmatch("[0-9a-fA-FxX.]+", text) else None
    except OSError:
        return None


def address_number(address: Any) -> tuple[str, int]:
    """The (address, port) that a socket's call was given, with a name of this host as its number; raises gaierror."""
    if not isinstance(address, tuple) or len(address) != 2:
        raise TypeError(f"an address is a tuple of a host and a port, not {address!r}")
    host, port = address
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError(f"a host is a name or a number as text, not {host!r}")
    if not isinstance(port, int):
        raise TypeError(f"a port is a number, not {port!r}")
    if not 0 <= port <= 65535:
        raise OverflowError(f"a port is from 0 to 65535, not {port}")
    if not host:
        return "0.0.0.0", port
    if is_number(host):
        return host, port
    if host == "<broadcast>":
        return "255.255.255.255", port
    found = ["127.0.0.1"] if host == "localhost" else hosts_file(host)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not an IPv4 address, nor has the hosts file its name")
    return found[0], port


async def resolve(loop: Any, host: Any, port: Any, *, family: int, type: int, proto: int, flags: int) -> list[Any]:
    """getaddrinfo(3) in IPv4: entries of (family, type, protocol, canonical name, (address, port)); raises gaierror."""
    if family not in (socket.AF_UNSPEC, socket.AF_INET):
        raise socket.gaierror(socket.EAI_FAMILY, "the stack knows IPv4 only")
    name = host.decode("ascii") if isinstance(host, bytes) else host
    if name is None and port is None:
        raise socket.gaierror(socket.EAI_NONAME, "neither a name nor a service was given")
    kinds, number = kinds_of(type, proto), service_number(port, type)
    if not name:
        addresses = ["0.0.0.0" if flags & socket.AI_PASSIVE else "127.0.0.1"]
    elif (typed := number_as_typed(name)) is not None:
        addresses = [typed]
    elif ":" in name:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, f"{name!r} is an IPv6 address: the stack knows IPv4 only")
    elif flags & socket.AI_NUMERICHOST:
        raise socket.gaierror(socket.EAI_NONAME, f"{name!r} is not an IPv4 address")
    elif name.lower() in ("localhost", "localhost.localdomain"):
        addresses = ["127.0.0.1"]
    else:
        addresses = hosts_file(name) or await loop.netos_host.names.addresses(loop, name)
    entries = [(socket.AF_INET, kind, protocol, "", (address, number))
               for address in addresses for kind, protocol in kinds]
    if flags & socket.AI_CANONNAME and name:
        entries[0] = (*entries[0][:3], name, entries[0][4])
    return entries


def name_of(address: Any, flags: int) -> tuple[str, str]:
    """getnameinfo(3) for an (address, port): the names of the host and of the service, numbers where there are none."""
    host, port = address[0], int(address[1])
    if not is_number(host):
        raise socket.gaierror(socket.EAI_FAMILY, f"{host!r} is not an IPv4 address: the stack knows IPv4 only")
    name, service = host, str(port)
    if not flags & socket.NI_NUMERICHOST:
        name = "localhost" if host == "127.0.0.1" else name_in_hosts_file(host)
        if not name and flags & socket.NI_NAMEREQD:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} has no name")
    if not flags & socket.NI_NUMERICSERV:
        try:
            service = socket.getservbyport(port, "udp" if flags & socket.NI_DGRAM else "tcp")
        except OSError:
            pass
    return name or host, service


def name_in_hosts_file(address: str) -> str:
    """The first name that the hosts file has for an address, or none."""
    return next((names[0] for known, names in hosts_entries() if known == address and names), "")
