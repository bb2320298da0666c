"""A host's resolver (netos.proto.dns_resolver) under asyncio: queries go through its own stack."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netos.addresses import parse_ipv4
from netos.proto.dns_resolver import NO_DATA, OK, Lookup, Query, Resolver
from netos.proto.udp_endpoint import UdpEndpoint
from netos.proto.wire import WireError, dns

if TYPE_CHECKING:
    from netos.aio.host import Host

CONFIGURATION = Path("/etc/resolv.conf")
NO_SERVER = "give --dns, use DHCP, or name one in /etc/resolv.conf"


class Names:
    """The names that a host can look up, by the loop that runs on it.

    The servers are those given, else those of the host's DHCP leases, else those of /etc/resolv.conf that are not the
    machine itself: 127.0.0.1 is the stack's own, nobody serves names there.
    """

    def __init__(self, host: Host, servers: Sequence[str] = ()) -> None:
        self.host = host
        self.given = tuple(parse_ipv4(server) for server in servers)
        self.resolver = Resolver()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lookups: dict[str, Lookup] = {}               # under way; `user` is a list of futures
        self._ports: dict[Query, UdpPort | TcpPort] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def addresses(self, loop: asyncio.AbstractEventLoop, name: str) -> list[str]:
        """The IPv4 addresses of a name; raises gaierror."""
        if loop is not self._loop:
            self._forget()
            self._loop = loop
        self._configure()
        if not name.isascii():
            try:
                name = name.encode("idna").decode("ascii")
            except UnicodeError as error:
                raise socket.gaierror(socket.EAI_NONAME, f"{name!r} is not a name: {error}") from None
        lookup = self._lookups.get(name)
        if lookup is None:
            try:
                lookup = self.resolver.ask(name, dns.A, self._now)
            except WireError as error:
                raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
            lookup.user = []
            self._lookups[name] = lookup
        future: asyncio.Future[None] = loop.create_future()
        lookup.user.append(future)
        self.step()
        try:
            await future
        finally:
            lookup.user.remove(future)
            if not lookup.user and lookup.answer is None:
                self.resolver.cancel(lookup)
                self._lookups.pop(name, None)
                self.step()
        return answer_of(name, lookup)

    @property
    def _now(self) -> int:
        assert self._loop is not None
        return int(self._loop.time() * 1e9)

    def _configure(self) -> None:
        """Have the servers that are known now."""
        leases = [lease for element in self.host.elements if element.dhcp is not None
                  for lease in [element.dhcp.lease] if lease is not None]
        servers, search = self.given, tuple(dict.fromkeys(
            domain for lease in leases for domain in (lease.search or (lease.domain,)) if domain))
        servers = servers or tuple(dict.fromkeys(server for lease in leases for server in lease.name_servers))
        if not servers or not search:
            found = read_configuration()
            servers, search = servers or found[0], search or found[1]
        self.resolver.servers, self.resolver.search = servers, search

    def step(self) -> None:
        """Send what is to be sent, tell who waits, close what is over, and be called again in time."""
        assert self._loop is not None
        while queries := self.resolver.take():
            for query in queries:
                self._ports[query] = (TcpPort if query.tcp else UdpPort)(self, self._loop, query)
        for query in [query for query in self._ports if query.over]:
            self._ports.pop(query).close()
        for lookup in self.resolver.finished():
            self._lookups.pop(lookup.name, None)
            for future in lookup.user:
                if not future.done() and not future.get_loop().is_closed():
                    future.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        due = self.resolver.next_timeout
        self._timer = None if due is None else self._loop.call_at(due / 1e9 + 0.001, self._poll)

    def _poll(self) -> None:
        self.resolver.poll(self._now)
        self.step()

    def received(self, query: Query, data: bytes) -> None:
        """An answer, perhaps."""
        self.resolver.receive(query, data, self._now)
        self.step()

    def failed(self, query: Query, reason: object) -> None:
        """No answer will come; step() has to follow."""
        self.resolver.failed(query, self._now, f"{query.server}: {reason}")

    def _forget(self) -> None:
        """Another loop runs now: what the one before waited for nobody will hear."""
        for lookup in self._lookups.values():
            self.resolver.cancel(lookup)
        self._lookups.clear()
        for port in self._ports.values():
            port.close()
        self._ports.clear()
        self._timer = None


class UdpPort:
    """A port of its own, connected to the server: others are not heard (RFC 5452 section 9.1)."""

    def __init__(self, names: Names, loop: asyncio.AbstractEventLoop, query: Query) -> None:
        self.names = names
        self.query = query
        self.endpoint: UdpEndpoint | None = None
        try:
            self.endpoint = UdpEndpoint(names.host.stack, remote=(str(query.server), dns.PORT))
            self.endpoint.user = self
            self.endpoint.send(query.data)
        except OSError as error:
            names.failed(query, error.strerror)

    def stack_event(self, events: int) -> None:
        """A datagram, or what ICMP has to say."""
        while self.endpoint is not None and not self.query.over:
            try:
                found = self.endpoint.receive()
            except OSError as error:
                self.names.failed(self.query, error.strerror)
                self.names.step()
                return
            if found is None:
                return
            self.names.received(self.query, found[0])

    def close(self) -> None:
        if self.endpoint is not None:
            self.endpoint.user = None
            self.endpoint.close()


class TcpPort:
    """A connection, for answers that are too long for a datagram (RFC 7766)."""

    def __init__(self, names: Names, loop: asyncio.AbstractEventLoop, query: Query) -> None:
        self.names = names
        self.query = query
        self.task = loop.create_task(self._ask(loop))

    async def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        reader = asyncio.StreamReader(loop=loop)
        transport: Any = None
        try:
            transport, _ = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader, loop=loop), str(self.query.server), dns.PORT)
            transport.write(len(self.query.data).to_bytes(2, "big") + self.query.data)
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        except OSError as error:
            self._failed(error.strerror or str(error))
        except EOFError:
            self._failed("the connection ended before the answer did")
        else:
            self.names.received(self.query, data)
            if not self.query.over:
                self._failed("the answer is to something else")
        finally:
            if transport is not None and not loop.is_closed():
                transport.close()

    def _failed(self, reason: str) -> None:
        self.names.failed(self.query, reason)
        self.names.step()

    def close(self) -> None:
        loop = self.task.get_loop()
        if not loop.is_closed() and asyncio.current_task(loop) is not self.task:
            self.task.cancel()


def answer_of(name: str, lookup: Lookup) -> list[str]:
    """What a lookup has found; raises gaierror."""
    answer = lookup.answer
    assert answer is not None
    if answer.status == OK:
        return [str(data) for data in answer.data]
    if answer.status == NO_DATA:
        raise socket.gaierror(socket.EAI_NODATA, f"{name!r} has no IPv4 address")
    if answer.reason:
        hint = f": {NO_SERVER}" if answer.reason == "no name server is known" else ""
        raise socket.gaierror(socket.EAI_AGAIN, f"{name!r} could not be looked up: {answer.reason}{hint}")
    raise socket.gaierror(socket.EAI_NONAME, f"the name {name!r} is not known")


def read_configuration() -> tuple[tuple[IPv4Address, ...], tuple[str, ...]]:
    """Name servers and search domains of resolv.conf(5)."""
    servers: list[IPv4Address] = []
    search: tuple[str, ...] = ()
    try:
        lines = CONFIGURATION.read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        lines = []
    for line in lines:
        keyword, *values = line.partition("#")[0].partition(";")[0].split() or [""]
        if keyword == "nameserver" and values:
            try:
                servers.append(parse_ipv4(values[0]))
            except ValueError:
                continue
        elif keyword in ("search", "domain"):
            search = tuple(value.rstrip(".") for value in values if value != ".")
    if "LOCALDOMAIN" in os.environ:
        search = tuple(os.environ["LOCALDOMAIN"].split())
    return tuple(server for server in servers if not server.is_loopback), search
