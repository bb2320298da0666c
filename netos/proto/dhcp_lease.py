"""What a DHCP server has given: the address for how long, and what else it told of the network (RFC 2132, RFC 3442)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from netos.proto.wire import Dhcp, WireError, dhcp
from netos.proto.wire.base import Reading
from netos.proto.wire.dns_name import parse_name

SECOND = 1_000_000_000
FOR_EVER = 0xFFFFFFFF
MTU_LEAST = 576
ROUTES_MAX = 256
LINK = IPv4Address(0)           # in place of a router: who is meant is a neighbour (RFC 3442)
CLASSES = ((0x80, 8), (0xC0, 16), (0x100, 24))      # first bytes below this, and the prefix length of such addresses


@dataclass(frozen=True)
class Lease:
    """An address and its surroundings. Times are nanoseconds on the clock of who asked; `expires` None: for ever."""

    address: IPv4Address
    prefix_length: int
    server: IPv4Address
    renew: int | None
    rebind: int | None
    expires: int | None
    routers: tuple[IPv4Address, ...] = ()
    routes: tuple[tuple[IPv4Network, IPv4Address], ...] = ()
    name_servers: tuple[IPv4Address, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    mtu: int | None = None

    @property
    def interface(self) -> IPv4Interface:
        """The address with its prefix."""
        return IPv4Interface((self.address, self.prefix_length))

    @property
    def settings(self) -> tuple[object, ...]:
        """What an interface is set to by it; the same after a renewal that changed nothing."""
        return self.address, self.prefix_length, self.routers, self.routes, self.mtu


def usable(address: IPv4Address) -> bool:
    """Whether a host can have this address."""
    return not (address.is_multicast or address.is_loopback or address.is_reserved or int(address) >> 24 == 0)


def single(address: IPv4Address, length: int) -> bool:
    """Whether the address is that of one host in its network, and not the network's or its broadcast."""
    return usable(address) and (length > 30 or 0 < int(address) & (1 << 32 - length) - 1 < (1 << 32 - length) - 1)


def server_of(message: Dhcp) -> IPv4Address | None:
    """The server that a message says it is from; None when it says none that can be."""
    server = message.address(dhcp.SERVER_IDENTIFIER)
    return server if server is not None and usable(server) else None


def read_lease(message: Dhcp, asked: int) -> Lease | None:
    """The lease that an acknowledgement gives, counted from when it was asked for; None when it gives none."""
    server, length = server_of(message), prefix_length(message)
    seconds = message.number(dhcp.LEASE_TIME)
    if server is None or not seconds or not single(message.your, length):
        return None
    renew, rebind = message.number(dhcp.RENEWAL_TIME), message.number(dhcp.REBINDING_TIME)
    if rebind is None or not 0 < rebind < seconds:
        rebind = max(seconds * 7 // 8, 1)
    if renew is None or not 0 < renew < rebind:
        renew = max(min(seconds // 2, rebind), 1)
    lasting = seconds == FOR_EVER
    mtu = message.number(dhcp.MTU)
    routes = parse_routes(message.option(dhcp.CLASSLESS_ROUTES) or b"")
    return Lease(message.your, length, server, None if lasting else asked + renew * SECOND,
                 None if lasting else asked + rebind * SECOND, None if lasting else asked + seconds * SECOND,
                 routers=tuple(router for router in message.addresses(dhcp.ROUTER) if leads_on(router, message.your)),
                 routes=tuple((network, gateway) for network, gateway in routes
                              if gateway == LINK or leads_on(gateway, message.your)),
                 name_servers=tuple(found for found in message.addresses(dhcp.NAME_SERVERS) if usable(found)),
                 domain=parse_domain(message.option(dhcp.DOMAIN_NAME) or b""),
                 search=parse_search(message.option(dhcp.SEARCH) or b""),
                 mtu=mtu if mtu is not None and mtu >= MTU_LEAST else None)


def leads_on(router: IPv4Address, own: IPv4Address) -> bool:
    """Whether packets can be given to this router by whoever has `own`."""
    return usable(router) and router != own


def prefix_length(message: Dhcp) -> int:
    """That of the mask; without a usable one, what the class of the address says."""
    mask = message.address(dhcp.SUBNET_MASK)
    if mask is not None and int(mask):
        host = int(mask) ^ 0xFFFFFFFF
        if not host & (host + 1):
            return 32 - host.bit_length()
    return next(length for limit, length in CLASSES if message.your.packed[0] < limit)


def parse_routes(data: bytes) -> tuple[tuple[IPv4Network, IPv4Address], ...]:
    """Classless static routes (RFC 3442), as far as they can be read."""
    found: list[tuple[IPv4Network, IPv4Address]] = []
    at = 0
    while at < len(data) and data[at] <= 32 and len(found) < ROUTES_MAX:
        size = (data[at] + 7) // 8
        if at + 5 + size > len(data):
            break
        network = IPv4Network((data[at + 1:at + 1 + size].ljust(4, b"\0"), data[at]), strict=False)
        found.append((network, IPv4Address(data[at + 1 + size:at + 5 + size])))
        at += 5 + size
    return tuple(found)


def parse_domain(data: bytes) -> str:
    """A domain as plain text, "" when it is not one."""
    text = data.rstrip(b"\0").decode("ascii", "replace").rstrip(".")
    return text if all(character.isalnum() or character in "-._" for character in text) and text.isascii() else ""


def parse_search(data: bytes) -> tuple[str, ...]:
    """Domains to search (RFC 3397), as far as they can be read."""
    found: list[str] = []
    at = 0
    while at < len(data):
        try:
            name, at = parse_name(data, at, Reading("dhcp", True))
        except WireError:
            break
        found.append(name.rstrip("."))
    return tuple(name for name in found if name)
