"""Servers: asyncio's own Server over listening sockets of the stack; what is accepted becomes a transport."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from netos.aio.sockets import StackSocket
from netos.proto.endpoints import TcpEndpoint, TcpListener

SERVER_KNOWS_TRANSPORTS = sys.version_info >= (3, 13)      # since then it can close them


def attach(server: Any, transport: asyncio.Transport) -> None:
    """Have the server count a transport."""
    server._attach(transport) if SERVER_KNOWS_TRANSPORTS else server._attach()


def detach(server: Any, transport: asyncio.Transport) -> None:
    """Have the server forget a transport."""
    server._detach(transport) if SERVER_KNOWS_TRANSPORTS else server._detach()


class Acceptor:
    """Takes the connections of one listening socket, and gives each to `make(endpoint, protocol)`."""

    def __init__(self, loop: Any, sock: StackSocket, factory: Callable[[], asyncio.BaseProtocol],
                 make: Callable[[TcpEndpoint, asyncio.BaseProtocol], Any]) -> None:
        self.loop = loop
        self.factory = factory
        self.make = make
        listener = sock.take_endpoint()
        assert isinstance(listener, TcpListener)
        self.listener = listener
        self.options = sock._options
        listener.user = self
        loop.netos_open.add(self)
        self.accept()

    def stack_event(self, events: int) -> None:
        """Somebody has connected."""
        if self.loop.netos_host.loop is self.loop:
            self.accept()
        elif not self.loop.is_closed():
            self.loop.call_soon(self.accept)

    def leave(self) -> None:
        """Take no more: the listener is its socket's alone, and closed when nobody holds that."""
        self.listener.user = None

    def accept(self) -> None:
        """Take all that wait."""
        while self.listener.user is self and (endpoint := self.listener.accept()) is not None:
            try:
                self.options.tell(endpoint)
                self.make(endpoint, self.factory())
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                endpoint.close()
                self.loop.call_exception_handler({
                    "message": "Error on transport creation for incoming connection", "exception": error})
