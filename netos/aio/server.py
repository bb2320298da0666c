"""Servers: listeners of the stack, and the transports they make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet

from netos.aio.sockets import EndpointSocket
from netos.aio.tls import TlsSettings, wrap_server
from netos.aio.transport import StreamTransport
from netos.proto.endpoints import TcpListener

if TYPE_CHECKING:
    from netos.proto.stack import Stack

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Server(asyncio.AbstractServer):
    """What loop.create_server() gives: accepts connections on some of the host's addresses."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listeners: list[TcpListener], factory: ProtocolFactory,
                 tls: TlsSettings | None) -> None:
        self._loop = loop
        self._listeners: list[TcpListener] | None = listeners
        self._factory = factory
        self._tls = tls
        self._transports: WeakSet[StreamTransport] = WeakSet()
        self._active = 0
        self._serving = False
        self._waiters: list[asyncio.Future[None]] = []
        self._forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Server sockets={self.sockets!r}>"

    def stack_event(self, events: int) -> None:
        """Somebody has connected."""
        if self._serving:
            self._accept()

    def _accept(self) -> None:
        for listener in self._listeners or ():
            while (endpoint := listener.accept()) is not None:
                try:
                    protocol = self._factory()
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    endpoint.abort()
                    self._loop.call_exception_handler({"message": "Error on transport creation for incoming connection",
                                                       "exception": error})
                    continue
                if self._tls is None:
                    StreamTransport(self._loop, endpoint, protocol, self)
                else:
                    wrap_server(self._loop, endpoint, protocol, self, self._tls)

    # Transports

    def _attach(self, transport: StreamTransport) -> None:
        self._active += 1
        self._transports.add(transport)

    def _detach(self, transport: StreamTransport) -> None:
        self._active -= 1
        self._transports.discard(transport)
        if self._active == 0 and self._listeners is None:
            self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # What a program calls

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._serving

    @property
    def sockets(self) -> tuple[EndpointSocket, ...]:
        return tuple(EndpointSocket(listener) for listener in self._listeners or ())

    def close(self) -> None:
        listeners, self._listeners = self._listeners, None
        if listeners is None:
            return
        self._serving = False
        for listener in listeners:
            listener.user = None
            listener.close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
            self._forever = None
        if self._active == 0:
            self._wake()

    def close_clients(self) -> None:
        for transport in list(self._transports):
            transport.close()

    def abort_clients(self) -> None:
        for transport in list(self._transports):
            transport.abort()

    def begin(self) -> None:
        """Accept from now on."""
        if self._serving or self._listeners is None:
            return
        self._serving = True
        for listener in self._listeners:
            listener.user = self
        self._accept()

    async def start_serving(self) -> None:
        self.begin()
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._listeners is None:
            raise RuntimeError(f"server {self!r} is closed")
        self.begin()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            try:
                self.close()
                await self.wait_closed()
            finally:
                raise
        finally:
            self._forever = None

    async def wait_closed(self) -> None:
        if self._listeners is None and self._active == 0:
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter


def listen(stack: Stack, addresses: list[tuple[str, int]], backlog: int) -> list[TcpListener]:
    """Listeners on all of the addresses, or on none: raises OSError."""
    listeners: list[TcpListener] = []
    try:
        for address in addresses:
            listeners.append(TcpListener(stack, address, backlog))
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise OSError(error.errno, f"error while attempting to bind on address {address!r}: "
                      f"{str(error.strerror).lower()}") from None
    return listeners
