"""TLS over a connection of the stack: asyncio's own sslproto between the transport and the program's protocol."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from typing import TYPE_CHECKING, Any, NamedTuple

from netos.aio.transport import StreamTransport
from netos.proto.endpoints import TcpEndpoint

if TYPE_CHECKING:
    from netos.aio.server import Server


class TlsSettings(NamedTuple):
    """What create_connection and create_server are told about TLS; timeouts in seconds, None: asyncio's default."""

    context: ssl.SSLContext
    handshake_timeout: float | None = None
    shutdown_timeout: float | None = None
    server_hostname: str | None = None


def client_context(wanted: Any) -> ssl.SSLContext:
    """`ssl=True` stands for the default context."""
    return ssl.create_default_context() if wanted is True else wanted


def check_timeouts(tls: Any, handshake: float | None, shutdown: float | None) -> None:
    """Timeouts make sense with TLS only."""
    if handshake is not None and not tls:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown is not None and not tls:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def make_protocol(loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol, settings: TlsSettings,
                  waiter: asyncio.Future[None] | None, server_side: bool, call_connection_made: bool = True
                  ) -> sslproto.SSLProtocol:
    """The protocol that speaks TLS for `protocol`."""
    return sslproto.SSLProtocol(
        loop, protocol, settings.context, waiter, server_side, settings.server_hostname,
        call_connection_made=call_connection_made, ssl_handshake_timeout=settings.handshake_timeout,
        ssl_shutdown_timeout=settings.shutdown_timeout)


def wrap_client(loop: asyncio.AbstractEventLoop, endpoint: TcpEndpoint, protocol: asyncio.BaseProtocol,
                settings: TlsSettings, waiter: asyncio.Future[None]) -> asyncio.Transport:
    """A TLS transport over a new connection; the waiter is done after the handshake."""
    tls = make_protocol(loop, protocol, settings, waiter, False)
    StreamTransport(loop, endpoint, tls)
    transport: asyncio.Transport = tls._app_transport
    return transport


def wrap_server(loop: asyncio.AbstractEventLoop, endpoint: TcpEndpoint, protocol: asyncio.BaseProtocol, server: Server,
                settings: TlsSettings) -> None:
    """A TLS transport over a connection that was accepted."""
    StreamTransport(loop, endpoint, make_protocol(loop, protocol, settings, None, True), server)
