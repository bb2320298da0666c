"""Event loops on the stack: asyncio's selector loop, its IPv4 connections, servers and datagrams made by netos."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

from netos.aio.connecting import ConnectingMixin
from netos.aio.host import Host, current_host
from netos.aio.names import name_of, resolve
from netos.aio.server import Acceptor
from netos.aio.sock_calls import SockMixin
from netos.aio.sockets import StackSocket

Result = TypeVar("Result")


class StackMixin(ConnectingMixin, SockMixin):
    """What makes an event loop one on the stack; goes before asyncio's or uvloop's loop among the bases."""

    netos_host: Host

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.netos_host = options.pop("host", None) or current_host()
        self.netos_open: set[Any] = set()   # transports and servers: nobody else may know them, and they must live
        super().__init__(*arguments, **options)

    def close(self) -> None:
        """Close the loop; transports that are still open are lost, with a warning, ports of servers are free again."""
        super().close()                     # type: ignore[misc]
        for one in self.netos_open:
            if isinstance(one, Acceptor):
                one.leave()
        self.netos_open.clear()

    def run_forever(self) -> None:
        """Run the loop; while it runs, it moves the host's packets, unless another one does already."""
        loop: Any = self
        host = self.netos_host
        if loop.is_running():
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        if loop.is_closed():
            raise RuntimeError("Event loop is closed")
        if host.loop is None and not host.closed:
            host.attach(loop)
        try:
            super().run_forever()           # type: ignore[misc]
        finally:
            if host.loop is loop:
                host.detach()

    def stack_socket(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0) -> StackSocket:
        """A new socket of the loop's host; RuntimeError when another loop moves that host's packets, or nothing can."""
        loop: Any = self
        host = self.netos_host
        if host.closed:
            raise RuntimeError("this loop's host is closed: a loop lives while its host does, and in its own process")
        if host.loop is None and loop.is_running():
            host.attach(loop)               # the one that had it when this one began to run is over
        if host.loop not in (None, loop):
            raise RuntimeError("another event loop runs on this host, in another thread: a host has one at a time")
        return StackSocket(family, type, proto, host=host)

    async def getaddrinfo(self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
                          ) -> list[Any]:
        """What a name stands for, in IPv4, as the stack sees it."""
        return await resolve(self, host, port, family=family, type=type, proto=proto, flags=flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The names of an address and a port, as the stack sees them."""
        return name_of(sockaddr, flags)


class EventLoop(StackMixin, asyncio.SelectorEventLoop):
    """asyncio's selector loop on the stack of the current host."""


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes loops on the stack."""

    _loop_factory = EventLoop


def run(main: Coroutine[Any, Any, Result], *, debug: bool | None = None) -> Result:
    """asyncio.run(), on the stack of the current host."""
    with asyncio.Runner(debug=debug, loop_factory=EventLoop) as runner:
        return runner.run(main)
