"""Datagrams: an asyncio transport over a UDP port of the stack."""

from __future__ import annotations

import asyncio
import contextvars
import errno
from collections import deque
from collections.abc import Callable
from typing import Any

from netos.aio.sockets import EndpointSocket
from netos.proto.endpoints import UdpEndpoint

HIGH_WATER = 64 * 1024


class DatagramTransport(asyncio.DatagramTransport):
    """What a datagram protocol sends with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: UdpEndpoint, protocol: asyncio.BaseProtocol,
                 waiter: asyncio.Future[None] | None = None) -> None:
        super().__init__({"socket": EndpointSocket(endpoint), "sockname": endpoint.local, "peername": endpoint.remote})
        self._loop = loop
        self._endpoint = endpoint
        self._protocol: Any = protocol
        self._context = contextvars.copy_context()
        self._waiting: deque[tuple[bytes, Any]] = deque()
        self._waiting_bytes = 0
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        self._paused = False
        self._closing = False
        self._retry: asyncio.TimerHandle | None = None
        loop.call_soon(self._begin, waiter)

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        self._protocol.connection_made(self)
        self._endpoint.user = self
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        self.stack_event(0)

    def stack_event(self, events: int) -> None:
        """Datagrams have come; the stack's element calls this."""
        self._context.run(self._take)

    def _take(self) -> None:
        while not self._closing:
            try:
                found = self._endpoint.receive()
            except OSError as error:
                self._call(self._protocol.error_received, error)
                continue
            if found is None:
                return
            self._call(self._protocol.datagram_received, *found)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> None:
        try:
            method(*arguments)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler({"message": f"Fatal error: protocol.{method.__name__}() call failed.",
                                               "exception": error, "transport": self, "protocol": self._protocol})
            self._lose(error)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        remote = self._endpoint.remote
        if remote is not None and addr not in (None, remote):
            raise ValueError(f"Invalid address: must be None or {remote}")
        if self._closing:
            return
        if not self._waiting and self._send(data, addr):
            return
        self._waiting.append((bytes(data), addr))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > self._high and not self._paused:
            self._paused = True
            self._call(self._protocol.pause_writing)
        if self._retry is None:
            self._retry = self._loop.call_later(0.001, self._send_waiting)

    def _send(self, data: bytes | bytearray | memoryview, addr: Any) -> bool:
        """Send one datagram; False when the link has no room just now."""
        try:
            self._endpoint.send(data, addr)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                return False
            self._call(self._protocol.error_received, error)
        return True

    def _send_waiting(self) -> None:
        self._retry = None
        while self._waiting and not self._endpoint_gone:
            if not self._send(*self._waiting[0]):
                self._retry = self._loop.call_later(0.001, self._send_waiting)
                return
            self._waiting_bytes -= len(self._waiting.popleft()[0])
        if self._paused and self._waiting_bytes <= self._low:
            self._paused = False
            self._call(self._protocol.resume_writing)
        if self._closing:
            self._lose(None)

    _endpoint_gone = False

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def _lose(self, error: BaseException | None) -> None:
        if self._endpoint_gone:
            return
        self._endpoint_gone = self._closing = True
        self._waiting.clear()
        if self._retry is not None:
            self._retry.cancel()
        self._endpoint.user = None
        self._endpoint.close()
        self._loop.call_soon(self._protocol.connection_lost, error)
