"""The DHCP client of a HostStack: messages through the stack, ARP probes, and the address for the interface."""

from __future__ import annotations

from typing import Any, Protocol

from netos.addresses import ETHER_BROADCAST, EtherAddress
from netos.errors import NetosError
from netos.proto.dhcp_client import ANY, EVERYBODY, DhcpClient
from netos.proto.dhcp_lease import Lease
from netos.proto.stack import Stack
from netos.proto.stack_link import in_use, probe, transmit
from netos.proto.udp_endpoint import UdpEndpoint
from netos.proto.wire import Ethernet, Ipv4, Udp, assemble
from netos.proto.wire.dhcp import CLIENT_PORT, SERVER_PORT

PROBES = 2                      # while the client checks an address
MESSAGES = 16                   # that wait for a client at most
DEFAULT = "0.0.0.0/0"


class Holder(Protocol):
    """The element whose interface it is."""

    def serve_dhcp(self) -> None:
        """Call serve(), and again when it says."""

    def lease_changed(self, lease: Lease | None) -> None:
        """Have the addresses of this lease."""


class DhcpInterface:
    """An interface's client. It outlives the graphs that have the interface: their elements take it over.

    All of a stack, `siblings`, share a port: what comes to it is for whoever began the transaction.
    """

    def __init__(self, stack: Stack, name: str, ether: bytes, siblings: dict[str, DhcpInterface]) -> None:
        self.stack = stack
        self.name = name
        self.client = DhcpClient(EtherAddress(ether))
        self.holders: list[Any] = []
        self.siblings = siblings
        self._messages: list[bytes] = []
        self._settings: object = None           # those of the interface
        self._probes = 0
        self._next_probe: int | None = None
        self._endpoint: UdpEndpoint | None = None

    @property
    def lease(self) -> Lease | None:
        """What it has now."""
        return self.client.lease

    @property
    def routes(self) -> list[tuple[str, str | None]]:
        """The routes that the lease brings, as (prefix, gateway); those of RFC 3442 come instead of routers.

        A router outside of the address's network is on the link: else the server would have told of the way to it.
        """
        lease = self.lease
        if lease is None:
            return []
        if not lease.routes:
            near: list[tuple[str, str | None]] = [(f"{router}/32", None) for router in lease.routers[:1]
                                                  if router not in lease.interface.network]
            return near + [(DEFAULT, str(router)) for router in lease.routers[:1]]
        return [(str(network), None if gateway == ANY else str(gateway)) for network, gateway in lease.routes]

    def show_lease(self, now: int) -> str:
        """The lease for people, one fact a line."""
        lease = self.lease
        if lease is None:
            return ""
        lines = [f"address {lease.interface}", f"server {lease.server}"]
        lines += [f"route {prefix} {gateway or '-'}" for prefix, gateway in self.routes]
        lines += [f"nameserver {server}" for server in lease.name_servers]
        lines += [f"search {' '.join(lease.search or (lease.domain,))}"] if lease.search or lease.domain else []
        lines += [f"expires {max(lease.expires - now, 0) // 1_000_000_000}"] if lease.expires is not None else []
        return "".join(f"{line}\n" for line in lines)

    def take(self, holder: Holder) -> None:
        """The element has the interface, set as the lease is, from now on."""
        self.leave(holder)
        self.holders.append(holder)
        self._settings = None if self.lease is None else self.lease.settings

    def leave(self, holder: Holder) -> bool:
        """The element has it no more; whether nobody has."""
        if holder in self.holders:
            self.holders.remove(holder)
        return not self.holders

    def close(self) -> None:
        """Be done. The lease is not given back: packets do not flow any more, and who comes next may want it."""
        if self._endpoint is not None:
            self._endpoint.user = None
            self._endpoint.close()
            self._endpoint = None

    def stack_event(self, events: int) -> None:
        """Datagrams have come to the clients' port."""
        while self._endpoint is not None and (found := self._endpoint.receive()) is not None:
            data, (_address, port) = found
            if port == SERVER_PORT:
                for each in self.siblings.values():
                    each._messages = [*each._messages[1 - MESSAGES:], data]     # one that stands still reads none
        for each in list(self.siblings.values()):
            if each._messages and each.holders:
                each.holders[-1].serve_dhcp()

    def serve(self, now: int) -> int | None:
        """Do what there is to do; return when there will be more, None: not before a datagram comes.

        Raises NetosError when somebody else has the clients' port.
        """
        if self._endpoint is None:
            try:
                self._endpoint = UdpEndpoint(self.stack, ("", CLIENT_PORT), shared=True)
            except OSError as error:
                raise NetosError(f"cannot ask a DHCP server: UDP port {CLIENT_PORT} of the stack: {error.strerror}; "
                                 "whoever has it needs another one") from error
            self._endpoint.user = self
        messages, self._messages = self._messages, []
        for data in messages:
            self.client.receive(data, now)
        self._probe(now)
        self.client.start(now)
        self.client.poll(now)
        lease = self.client.lease
        settings = None if lease is None else lease.settings
        if settings != self._settings:
            self._settings = settings
            self.holders[-1].lease_changed(lease)
        self._send(self._endpoint)
        return min((time for time in (self.client.next_timeout, self._next_probe) if time is not None), default=None)

    def _probe(self, now: int) -> None:
        """Look for others who have the address that is to be ours."""
        address = self.client.probing
        if address is not None and self._probes and in_use(self.stack, self.name, address):
            self.client.conflict(now)
            address = None
        if address is None:
            self._probes, self._next_probe = 0, None
        elif not self._probes or (self._next_probe is not None and now >= self._next_probe):
            probe(self.stack, self.name, address)
            self._probes += 1
            self._next_probe = now + self.client.check // PROBES if self._probes < PROBES else None

    def _send(self, endpoint: UdpEndpoint) -> None:
        for source, destination, data in self.client.take():
            if destination == EVERYBODY:
                transmit(self.stack, self.name, assemble(
                    Ethernet(ETHER_BROADCAST, self.client.ether), Ipv4(source, destination),
                    Udp(CLIENT_PORT, SERVER_PORT), data))
                continue
            try:
                endpoint.send(data, (str(destination), SERVER_PORT))
            except OSError:
                continue                        # the client sends it again
