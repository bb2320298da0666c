"""The control protocol served on an asyncio loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from netos.control.access import Access
from netos.control.connections import ControlServer
from netos.control.paths import control_group, make_runtime_folder, runtime_folder
from netos.control.protocol import Options
from netos.control.sockets import listen_tcp, listen_unix, tcp_address


class LoopWatch:
    """A descriptor that an asyncio loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, callback: Callable[[], object]) -> None:
        self.loop = loop
        self.descriptor = descriptor
        self.callback = callback
        self.wanted = (False, False)
        self.want(True, False)

    def want(self, readable: bool, writable: bool) -> None:
        """Wait for this from now on."""
        before, self.wanted = self.wanted, (readable, writable)
        if readable != before[0]:
            if readable:
                self.loop.add_reader(self.descriptor, self.callback)
            else:
                self.loop.remove_reader(self.descriptor)
        if writable != before[1]:
            if writable:
                self.loop.add_writer(self.descriptor, self.callback)
            else:
                self.loop.remove_writer(self.descriptor)

    def close(self) -> None:
        """Call nothing any more."""
        self.want(False, False)


class LoopClock:
    """A function that an asyncio loop calls after a while."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self.loop = loop
        self.callback = callback
        self.handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Call that many seconds from now."""
        self.cancel()
        self.handle = self.loop.call_later(seconds, self.callback)

    def cancel(self) -> None:
        """Do not call after all."""
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None


class LoopReactor:
    """An asyncio loop as what waits for sockets and time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def watch(self, descriptor: int, callback: Callable[[], object]) -> LoopWatch:
        """Call while the descriptor is readable, until told otherwise."""
        return LoopWatch(self.loop, descriptor, callback)

    def alarm(self, callback: Callable[[], object]) -> LoopClock:
        """A clock that has not been set."""
        return LoopClock(self.loop, callback)


def open_socket(where: str) -> socket.socket:
    """A socket that listens at HOST:PORT or a path; the folder of the default path is made."""
    address = tcp_address(where)
    if address is not None:
        return listen_tcp(*address)
    folder = os.path.dirname(where)
    if folder and folder == runtime_folder():
        make_runtime_folder(folder)
    return listen_unix(where, control_group())


@asynccontextmanager
async def serve_control(access: Access, where: str | Sequence[socket.socket],
                        options: Options | None = None) -> AsyncIterator[ControlServer]:
    """Serve the control protocol at HOST:PORT, at a path, or on sockets, as long as the context lasts.

    Raises NetosError when that place cannot be had.
    """
    if "counters" not in access.handlers:
        from netos.control.flows import add_flows
        from netos.control.switches import add_counters

        add_counters(access)
        add_flows(access)
    sockets = [open_socket(where)] if isinstance(where, str) else where
    server = ControlServer(access, sockets, LoopReactor(asyncio.get_running_loop()), options)
    try:
        yield server
    finally:
        server.close()
