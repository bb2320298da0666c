"""Datagrams: an asyncio transport over a UDP port of the stack."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import warnings
from asyncio import trsock
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable
from typing import Any

from netos.aio.sock_calls import AGAIN
from netos.aio.sockets import StackSocket


class DatagramTransport(asyncio.DatagramTransport, _FlowControlMixin):
    """What a datagram protocol sends with."""

    _loop: Any

    def __init__(self, loop: Any, sock: StackSocket, protocol: asyncio.BaseProtocol,
                 waiter: asyncio.Future[None] | None = None, address: Any = None) -> None:
        endpoint: Any = sock.take_endpoint()
        _FlowControlMixin.__init__(self, {"socket": trsock.TransportSocket(sock),   # type: ignore[arg-type]
                                          "sockname": endpoint.local, "peername": endpoint.remote}, loop)
        self._sock = sock
        self._host = loop.netos_host
        self._endpoint = endpoint
        self._address = address             # where datagrams go, also those of an endpoint that is not connected
        self._protocol: Any = protocol
        self._context = contextvars.copy_context()
        self._waiting: deque[tuple[bytes, Any]] = deque()
        self._waiting_bytes = 0
        self._closing = self._lost = False
        self._retry: asyncio.TimerHandle | None = None
        loop.netos_open.add(self)
        loop.call_soon(self._begin, waiter)

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        try:
            self._protocol.connection_made(self)
        finally:
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            self._loop.call_soon(self._begin_to_take)           # who waits is to have the transport before data comes

    def _begin_to_take(self) -> None:
        if not self._lost:
            self._endpoint.user = self
            self._take()

    def __repr__(self) -> str:
        return f"<DatagramTransport{' closing' if self._closing else ''} {self._endpoint.local}>"

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def stack_event(self, events: int) -> None:
        """Datagrams have come; the stack's element calls this."""
        if self._host.loop is self._loop:
            self._context.run(self._take)
        elif not self._loop.is_closed():
            self._loop.call_soon(self._take, context=self._context)

    def _take(self) -> None:
        while not self._closing:
            try:
                found = self._endpoint.receive()
            except OSError as error:
                if error.errno == errno.EBADF:          # the program has closed the socket that it had given
                    self._lose(error)
                    return
                self._call(self._protocol.error_received, error)
                continue
            if found is None:
                return
            self._call(self._protocol.datagram_received, *found)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> None:
        """Call the protocol; what it raises is the loop's to report, as if each datagram came alone."""
        try:
            method(*arguments)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler({"message": f"Exception in callback {method.__qualname__}()",
                                               "exception": error, "transport": self, "protocol": self._protocol})

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._address is not None:
            if addr not in (None, self._address):
                raise ValueError(f"Invalid address: must be None or {self._address}")
            addr = self._address
        if self._endpoint.remote is not None:
            addr = None
        if self._closing:
            return
        if not self._waiting and self._send(data, addr):
            return
        self._waiting.append((bytes(data), addr))
        self._waiting_bytes += len(data)
        self._maybe_pause_protocol()            # type: ignore[attr-defined] # typeshed leaves it out
        if self._retry is None:
            self._retry = self._loop.call_later(AGAIN, self._send_waiting)

    def _send(self, data: bytes | bytearray | memoryview, addr: Any) -> bool:
        """Send one datagram; False when the link has no room just now."""
        try:
            self._endpoint.send(data, addr)
        except BlockingIOError:
            return False
        except OSError as error:
            self._call(self._protocol.error_received, error)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler({"message": "Fatal write error on datagram transport",
                                               "exception": error, "transport": self, "protocol": self._protocol})
            self._lose(error)
        return True

    def _send_waiting(self) -> None:
        self._retry = None
        while self._waiting and not self._lost:
            if not self._send(*self._waiting[0]):
                self._retry = self._loop.call_later(AGAIN, self._send_waiting)
                return
            self._waiting_bytes -= len(self._waiting.popleft()[0])
        self._maybe_resume_protocol()           # type: ignore[attr-defined]
        if self._closing and not self._waiting:
            self._lose(None)

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what waits, then close."""
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self._lose(None)

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        self._lose(None)

    def _lose(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._retry is not None:
            self._retry.cancel()
        self._endpoint.user = None
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._loop.netos_open.discard(self)
            self._sock.close()
            self._protocol = None

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not getattr(self, "_lost", True):
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._sock.forget()
