"""Connections and servers: asyncio's own create_connection and the like, with sockets and transports of the stack."""

from __future__ import annotations

import asyncio
import errno
import socket
from asyncio import sslproto
from asyncio.base_events import BaseEventLoop, Server
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from netos.aio.datagram import DatagramTransport
from netos.aio.server import Acceptor
from netos.aio.sockets import StackSocket
from netos.aio.transport import StreamTransport
from netos.proto.endpoints import TcpEndpoint


def bind_error(error: OSError, address: Any) -> OSError:
    """The error of bind(), saying of what, as asyncio does."""
    return OSError(error.errno, f"error while attempting to bind on address {address!r}: "
                   f"{str(error.strerror).lower()}")


class ConnectingMixin:
    """Streams and datagrams of an event loop: the stack's, unless a socket of the host's is given.

    asyncio.base_events.BaseEventLoop has the argument checks, the order of addresses, happy eyeballs and TLS; its
    methods serve here for every loop, and what they call to make sockets and transports is below.
    """

    _ensure_resolved = BaseEventLoop._ensure_resolved                           # type: ignore[attr-defined]
    _create_connection_transport = BaseEventLoop._create_connection_transport   # type: ignore[attr-defined]
    _sendfile_native = BaseEventLoop._sendfile_native                           # type: ignore[attr-defined]
    _sendfile_fallback = BaseEventLoop._sendfile_fallback                       # type: ignore[attr-defined]

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, *, sock: Any = None,
                                **options: Any) -> Any:
        """Connect to (host, port) over the stack; `sock`, a socket of the host's, is the host's affair."""
        if sock is not None and not isinstance(sock, StackSocket):
            return await super().create_connection(protocol_factory, host, port,    # type: ignore[misc]
                                                   sock=sock, **options)
        return await BaseEventLoop.create_connection(                               # type: ignore[call-overload]
            self, protocol_factory, host, port, sock=sock, **options)

    async def connect_accepted_socket(self, protocol_factory: Any, sock: Any, **options: Any) -> Any:
        """A transport for a connection that was accepted elsewhere."""
        if not isinstance(sock, StackSocket):
            return await super().connect_accepted_socket(protocol_factory, sock, **options)     # type: ignore[misc]
        return await BaseEventLoop.connect_accepted_socket(self, protocol_factory, sock,        # type: ignore[arg-type]
                                                           **options)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, *,
                            family: int = socket.AF_UNSPEC, flags: int = socket.AI_PASSIVE, sock: Any = None,
                            backlog: int = 100, ssl: Any = None, reuse_address: bool | None = None,
                            reuse_port: bool | None = None, keep_alive: bool | None = None,
                            ssl_handshake_timeout: float | None = None, ssl_shutdown_timeout: float | None = None,
                            start_serving: bool = True) -> Any:
        """Listen on (host, port) of the stack, all of its addresses when host is None; `sock` may be the host's."""
        if sock is not None and not isinstance(sock, StackSocket):
            timeouts = {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
            return await super().create_server(                                     # type: ignore[misc]
                protocol_factory, host, port, sock=sock, backlog=backlog, ssl=ssl, start_serving=start_serving,
                **{name: value for name, value in timeouts.items() if value is not None})
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        if ssl_handshake_timeout is not None and ssl is None:
            raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
        if ssl_shutdown_timeout is not None and ssl is None:
            raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")
        if sock is not None and (host is not None or port is not None):
            raise ValueError("host/port and sock can not be specified at the same time")
        if sock is None and host is None and port is None:
            raise ValueError("Neither host/port nor sock were specified")
        if sock is not None and sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        flagged = [(socket.SO_REUSEADDR, reuse_address is not False), (socket.SO_REUSEPORT, reuse_port),
                   (socket.SO_KEEPALIVE, keep_alive)]
        sockets = [sock] if sock is not None else await self._bound_sockets(
            host, port, family, flags, [option for option, wanted in flagged if wanted])
        server: Any = Server(self, sockets, protocol_factory, ssl, backlog,         # type: ignore[arg-type]
                             ssl_handshake_timeout, ssl_shutdown_timeout)
        if start_serving:
            server._start_serving()
            await asyncio.sleep(0)
        return server

    async def _bound_sockets(self, host: Any, port: Any, family: int, flags: int, options: Iterable[int]
                             ) -> list[StackSocket]:
        """A socket for each address that the hosts stand for, or OSError."""
        loop: Any = self
        hosts = [host or None] if isinstance(host, str) or not isinstance(host, Iterable) else list(host)
        found: dict[Any, None] = {}
        for one in hosts:
            for entry in await self._ensure_resolved((one, port), family=family, type=socket.SOCK_STREAM, flags=flags,
                                                     loop=loop):
                found[entry[0], entry[4]] = None
        sockets: list[StackSocket] = []
        try:
            for kind, address in found:
                if kind != socket.AF_INET:
                    continue                # as asyncio does with families that the machine does not have
                sock = loop.stack_socket(kind)
                sockets.append(sock)
                for option in options:
                    sock.setsockopt(socket.SOL_SOCKET, option, True)
                try:
                    sock.bind(address)
                except OSError as error:
                    raise bind_error(error, address) from None
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        if not sockets:
            raise OSError(errno.EAFNOSUPPORT, f"could not bind on any address of {host!r}: the stack knows IPv4 only")
        return sockets

    # What BaseEventLoop's methods call

    async def _connect_sock(self, exceptions: list[Any], addr_info: Any, local_addr_infos: Any = None) -> Any:
        """Connect to one address, by way of the first local one that can be bound."""
        loop: Any = self
        mine: list[OSError] = []
        exceptions.append(mine)
        family, kind, proto, _name, address = addr_info
        sock = None
        try:
            sock = loop.stack_socket(family, kind, proto)
            if local_addr_infos is not None:
                self._bind_any(sock, family, [entry[4] for entry in local_addr_infos if entry[0] == family], mine)
            await loop.sock_connect(sock, address)
        except OSError as error:
            mine.append(error)
            if sock is not None:
                sock.close()
            raise
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        return sock

    def _bind_any(self, sock: StackSocket, family: int, addresses: list[Any], errors: list[OSError]) -> None:
        for address in addresses:
            try:
                sock.bind(address)
                return
            except OSError as error:
                errors.append(bind_error(error, address))
        raise errors.pop() if errors else OSError(f"no matching local address with {family=} found")

    def _make_socket_transport(self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None,
                               server: Any = None, **more: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return super()._make_socket_transport(                                  # type: ignore[misc]
                sock, protocol, waiter, extra=extra, server=server, **more)
        endpoint = sock.take_endpoint()
        if not isinstance(endpoint, TcpEndpoint):
            raise OSError(errno.ENOTCONN, "the socket is not connected")
        return StreamTransport(self, endpoint, protocol, server, waiter, extra, sock)

    def _make_ssl_transport(self, rawsock: Any, protocol: Any, sslcontext: Any, waiter: Any = None, *,
                            server_side: bool = False, server_hostname: str | None = None, extra: Any = None,
                            server: Any = None, **timeouts: Any) -> Any:
        if not isinstance(rawsock, StackSocket):
            return super()._make_ssl_transport(                                     # type: ignore[misc]
                rawsock, protocol, sslcontext, waiter, server_side=server_side, server_hostname=server_hostname,
                extra=extra, server=server, **timeouts)
        tls = sslproto.SSLProtocol(self, protocol, sslcontext, waiter, server_side, server_hostname,  # type: ignore[arg-type]
                                   **timeouts)
        self._make_socket_transport(rawsock, tls, extra=extra, server=server)
        return tls._app_transport

    def _start_serving(self, protocol_factory: Any, sock: Any, sslcontext: Any = None, server: Any = None,
                       backlog: int = 100, *timeouts: Any, **named: Any) -> None:
        if not isinstance(sock, StackSocket):
            super()._start_serving(protocol_factory, sock, sslcontext, server, backlog,     # type: ignore[misc]
                                   *timeouts, **named)
            return
        handshake, shutdown = (*timeouts, None, None)[:2]
        Acceptor(self, sock, protocol_factory, partial(self._serve, server, sslcontext, handshake, shutdown))

    def _serve(self, server: Any, sslcontext: Any, handshake: Any, shutdown: Any,
               endpoint: TcpEndpoint, protocol: asyncio.BaseProtocol) -> None:
        """Make the transport of a connection that a server has accepted."""
        carried: Any = protocol
        if sslcontext is not None:
            carried = sslproto.SSLProtocol(self, protocol, sslcontext, None, True,  # type: ignore[arg-type]
                                           ssl_handshake_timeout=handshake, ssl_shutdown_timeout=shutdown)
        StreamTransport(self, endpoint, carried, server)

    def _stop_serving(self, sock: Any) -> None:
        if isinstance(sock, StackSocket):
            sock.close()
            listener = sock._endpoint
            if listener is not None:
                self.netos_open.discard(listener.user)                              # type: ignore[attr-defined]
                listener.user = None
        else:
            super()._stop_serving(sock)                                             # type: ignore[misc]

    # TLS and files over a transport that is there

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **options: Any) -> Any:
        """Speak TLS from now on over a transport of the stack's; others are the loop's own affair."""
        method: Callable[..., Any] = super().start_tls                              # type: ignore[misc]
        if isinstance(transport, (StreamTransport, sslproto._SSLProtocolTransport)):
            method = partial(BaseEventLoop.start_tls, self)                         # type: ignore[arg-type]
        return await method(transport, protocol, sslcontext, **options)

    async def sendfile(self, transport: Any, file: Any, offset: int = 0, count: int | None = None, *,
                       fallback: bool = True) -> Any:
        """Send a file over a transport: read and written, as there is no system call that would."""
        method: Callable[..., Any] = super().sendfile                               # type: ignore[misc]
        if isinstance(transport, (StreamTransport, DatagramTransport, sslproto._SSLProtocolTransport)):
            method = partial(BaseEventLoop.sendfile, self)                          # type: ignore[arg-type]
        return await method(transport, file, offset, count, fallback=fallback)

    # Datagrams

    async def create_datagram_endpoint(self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, *,
                                       family: int = 0, proto: int = 0, flags: int = 0, reuse_port: bool | None = None,
                                       allow_broadcast: bool | None = None, sock: Any = None, **more: Any) -> Any:
        """A UDP port of the stack; UNIX sockets and `sock`, a socket of the host's, are the host's affair."""
        loop: Any = self
        remote = None
        if family == socket.AF_UNIX or (sock is not None and not isinstance(sock, StackSocket)):
            return await super().create_datagram_endpoint(                          # type: ignore[misc]
                protocol_factory, local_addr, remote_addr, family=family, proto=proto, flags=flags,
                reuse_port=reuse_port, allow_broadcast=allow_broadcast, sock=sock, **more)
        if sock is not None:
            if sock.type != socket.SOCK_DGRAM:
                raise ValueError(f"A datagram socket was expected, got {sock!r}")
            if local_addr or remote_addr or family or proto or flags or reuse_port or allow_broadcast:
                raise ValueError("socket modifier keyword arguments can not be used when sock is specified")
        elif local_addr is None and remote_addr is None and family == 0:
            raise ValueError("unexpected address family")
        else:
            sock, remote = await self._datagram_socket(local_addr, remote_addr, family, proto, flags, reuse_port,
                                                       allow_broadcast)
        protocol = protocol_factory()
        waiter = loop.create_future()
        transport = DatagramTransport(loop, sock, protocol, waiter, remote)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _datagram_socket(self, local: Any, remote: Any, family: int, proto: int, flags: int,
                               reuse_port: bool | None, broadcast: bool | None) -> tuple[StackSocket, Any]:
        """A socket bound and connected so, and the remote address. Who broadcasts stays open for answers of anybody."""
        loop: Any = self
        addresses: list[Any] = []
        for address in (local, remote):
            if address is not None and not (isinstance(address, tuple) and len(address) == 2):
                raise TypeError("2-tuple is expected")
            found = [] if address is None else await self._ensure_resolved(
                address, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags, loop=loop)
            if address is not None and not found:
                raise OSError("getaddrinfo() returned empty list")
            addresses.append(found[0] if found else None)
        sock: StackSocket = loop.stack_socket(next((entry[0] for entry in addresses if entry), socket.AF_INET),
                                              socket.SOCK_DGRAM)
        for option, wanted in ((socket.SO_REUSEPORT, reuse_port), (socket.SO_BROADCAST, broadcast)):
            if wanted:
                sock.setsockopt(socket.SOL_SOCKET, option, True)
        try:
            if addresses[0] is not None:
                sock.bind(addresses[0][4])
            if addresses[1] is not None and not broadcast:
                await loop.sock_connect(sock, addresses[1][4])
        except BaseException:
            sock.close()
            raise
        return sock, addresses[1] and addresses[1][4]
