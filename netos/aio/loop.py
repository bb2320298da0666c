"""Event loops on the stack: asyncio's selector loop, its IPv4 connections, servers and datagrams made by netos."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

from netos.aio.datagram import DatagramTransport
from netos.aio.host import Host, current_host
from netos.aio.names import resolve
from netos.aio.server import Server, listen
from netos.aio.sockets import error_of
from netos.aio.tls import TlsSettings, check_timeouts, client_context, make_protocol, wrap_client
from netos.aio.transport import StreamTransport
from netos.proto.endpoints import TcpEndpoint, UdpEndpoint

Result = TypeVar("Result")
LOCAL = {None: ("0.0.0.0",), "": ("0.0.0.0",)}


class Connecting:
    """Waits for a connection to be established."""

    def __init__(self, endpoint: TcpEndpoint, done: asyncio.Future[None]) -> None:
        self.endpoint = endpoint
        self.done = done

    def stack_event(self, events: int) -> None:
        """It is, or it will not be."""
        if self.done.done():
            return
        if self.endpoint.error:
            self.done.set_exception(error_of(self.endpoint.error))
        elif self.endpoint.state not in ("SYN-SENT", "SYN-RECEIVED"):
            self.done.set_result(None)


class StackMixin:
    """What makes an event loop one on the stack; goes before asyncio's or uvloop's loop among the bases."""

    netos_host: Host

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.netos_host = options.pop("host", None) or current_host()
        super().__init__(*arguments, **options)

    def run_forever(self) -> None:
        """Run the loop; while it runs, it moves the host's packets."""
        self.netos_host.attach(self)        # type: ignore[arg-type]
        try:
            super().run_forever()           # type: ignore[misc]
        finally:
            self.netos_host.detach()

    # Names

    async def getaddrinfo(self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
                          ) -> list[Any]:
        """What a name stands for, in IPv4, as the stack sees it."""
        return await resolve(self, host, port, family=family, type=type, proto=proto, flags=flags)

    async def _ipv4(self, host: Any, port: Any, kind: int, family: int, proto: int, flags: int) -> list[tuple[str, int]]:
        if family not in (socket.AF_UNSPEC, socket.AF_INET):
            raise OSError(errno.EAFNOSUPPORT, f"the stack has no address family {family}")
        found = await self.getaddrinfo(host, port, family=socket.AF_INET, type=kind, proto=proto, flags=flags)
        if not found:
            raise OSError(f"getaddrinfo({host!r}) returned empty list")
        return list(dict.fromkeys(entry[4][:2] for entry in found))

    # Streams

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, *, ssl: Any = None,
                                family: int = 0, proto: int = 0, flags: int = 0, sock: Any = None,
                                local_addr: Any = None, server_hostname: str | None = None,
                                ssl_handshake_timeout: float | None = None, ssl_shutdown_timeout: float | None = None,
                                happy_eyeballs_delay: float | None = None, interleave: int | None = None,
                                all_errors: bool = False) -> Any:
        """Connect to (host, port) over the stack; `sock`, a socket of the host's, is the host's affair."""
        if sock is not None:
            given = {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
            return await super().create_connection(         # type: ignore[misc]
                protocol_factory, host, port, ssl=ssl, sock=sock, server_hostname=server_hostname,
                **{name: value for name, value in given.items() if value is not None})
        if host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        if server_hostname is not None and not ssl:
            raise ValueError("server_hostname is only meaningful with ssl")
        if server_hostname is None and ssl:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        check_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        remotes = await self._ipv4(host, port, socket.SOCK_STREAM, family, proto, flags)
        locals_ = [None] if local_addr is None else await self._ipv4(
            *local_addr, socket.SOCK_STREAM, family, proto, flags)
        endpoint = await self._connect_any(remotes, locals_, all_errors)
        try:
            protocol = protocol_factory()
        except BaseException:
            endpoint.abort()
            raise
        loop: Any = self
        waiter = loop.create_future()
        if ssl:
            settings = TlsSettings(client_context(ssl), ssl_handshake_timeout, ssl_shutdown_timeout, server_hostname)
            transport: Any = wrap_client(loop, endpoint, protocol, settings, waiter)
        else:
            transport = StreamTransport(loop, endpoint, protocol, None, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _connect_any(self, remotes: list[tuple[str, int]], locals_: list[Any], all_errors: bool) -> TcpEndpoint:
        """A connection to the first of the addresses that takes one."""
        errors: list[Exception] = []
        for remote in remotes:
            for local in locals_:
                try:
                    return await self._connect(remote, local)
                except OSError as error:
                    error.strerror = f"Connect call failed {remote!r}"
                    errors.append(OSError(error.errno, error.strerror) if not isinstance(error, ConnectionError)
                                  else type(error)(error.errno, error.strerror))
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        if len(errors) == 1 or all(str(error) == str(errors[0]) for error in errors):
            raise errors[0]
        raise OSError("Multiple exceptions: {}".format(", ".join(map(str, errors))))

    async def _connect(self, remote: tuple[str, int], local: Any = None) -> TcpEndpoint:
        loop: Any = self
        endpoint = TcpEndpoint(self.netos_host.stack, remote, local)
        waiting = Connecting(endpoint, loop.create_future())
        endpoint.user = waiting
        try:
            await waiting.done
        except BaseException:
            endpoint.abort()
            raise
        return endpoint

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, *,
                            family: int = socket.AF_UNSPEC, flags: int = socket.AI_PASSIVE, sock: Any = None,
                            backlog: int = 100, ssl: Any = None, reuse_address: bool | None = None,
                            reuse_port: bool | None = None, keep_alive: bool | None = None,
                            ssl_handshake_timeout: float | None = None, ssl_shutdown_timeout: float | None = None,
                            start_serving: bool = True) -> Any:
        """Listen on (host, port) of the stack, all of its addresses when host is None; `sock` is the host's affair."""
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        check_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            return await super().create_server(             # type: ignore[misc]
                protocol_factory, sock=sock, backlog=backlog, ssl=ssl, start_serving=start_serving)
        if host is None and port is None:
            raise ValueError("Neither host/port nor sock were specified")
        hosts = [host] if isinstance(host, str) or host is None else list(host)
        addresses: list[tuple[str, int]] = []
        for one in hosts:
            addresses += [("0.0.0.0", port or 0)] if not one else await self._ipv4(
                one, port, socket.SOCK_STREAM, family, 0, flags)
        listeners = listen(self.netos_host.stack, list(dict.fromkeys(addresses)), backlog)
        loop: Any = self
        tls = TlsSettings(ssl, ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        server = Server(loop, listeners, protocol_factory, tls)
        if start_serving:
            server.begin()
            await asyncio.sleep(0)
        return server

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, *, server_side: bool = False,
                        server_hostname: str | None = None, ssl_handshake_timeout: float | None = None,
                        ssl_shutdown_timeout: float | None = None) -> Any:
        """Speak TLS from now on over a transport of the stack's; others are the loop's own affair."""
        under = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
        if not isinstance(under, StreamTransport):
            return await super().start_tls(                 # type: ignore[misc]
                transport, protocol, sslcontext, server_side=server_side, server_hostname=server_hostname,
                ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout)
        loop: Any = self
        waiter = loop.create_future()
        settings = TlsSettings(sslcontext, ssl_handshake_timeout, ssl_shutdown_timeout, server_hostname)
        tls = make_protocol(loop, protocol, settings, waiter, server_side, call_connection_made=False)
        transport.pause_reading()
        transport.set_protocol(tls)
        made = loop.call_soon(tls.connection_made, transport)
        resumed = loop.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            made.cancel()
            resumed.cancel()
            raise
        return tls._app_transport

    # Datagrams

    async def create_datagram_endpoint(self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, *,
                                       family: int = 0, proto: int = 0, flags: int = 0, reuse_port: bool | None = None,
                                       allow_broadcast: bool | None = None, sock: Any = None, **more: Any) -> Any:
        """A UDP port of the stack; UNIX sockets and `sock` are the host's affair."""
        if sock is not None or family == getattr(socket, "AF_UNIX", None):
            return await super().create_datagram_endpoint(  # type: ignore[misc]
                protocol_factory, local_addr, remote_addr, family=family, proto=proto, flags=flags,
                reuse_port=reuse_port, allow_broadcast=allow_broadcast, sock=sock, **more)
        if local_addr is None and remote_addr is None and family == 0:
            raise ValueError("unexpected address family")
        local = remote = None
        if local_addr is not None:
            local = (await self._ipv4(*local_addr[:2], socket.SOCK_DGRAM, family, proto, flags))[0]
        if remote_addr is not None:
            remote = (await self._ipv4(*remote_addr[:2], socket.SOCK_DGRAM, family, proto, flags))[0]
        endpoint = UdpEndpoint(self.netos_host.stack, local, remote, shared=bool(reuse_port))
        endpoint.broadcast = bool(allow_broadcast)
        loop: Any = self
        protocol = protocol_factory()
        waiter = loop.create_future()
        transport = DatagramTransport(loop, endpoint, protocol, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol


class EventLoop(StackMixin, asyncio.SelectorEventLoop):
    """asyncio's selector loop on the stack of the current host."""


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes loops on the stack."""

    _loop_factory = EventLoop


def run(main: Coroutine[Any, Any, Result], *, debug: bool | None = None) -> Result:
    """asyncio.run(), on the stack of the current host."""
    with asyncio.Runner(debug=debug, loop_factory=EventLoop) as runner:
        return runner.run(main)
