"""Streams: an asyncio transport over a TCP connection of the stack."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import warnings
from asyncio import constants, trsock
from asyncio.log import logger
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from netos.aio.options import error_of
from netos.aio.server import attach, detach
from netos.aio.sockets import StackSocket
from netos.proto.endpoints import TcpEndpoint

READ_AT_ONCE = 256 * 1024


class StreamTransport(_FlowControlMixin):
    """What a protocol writes to; what comes is given to the protocol as it comes."""

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.FALLBACK
    _begun = False
    _loop: Any
    _extra: dict[str, Any]

    def __init__(self, loop: Any, endpoint: TcpEndpoint, protocol: asyncio.BaseProtocol, server: Any = None,
                 waiter: asyncio.Future[None] | None = None, extra: dict[str, Any] | None = None,
                 sock: StackSocket | None = None) -> None:
        if server is not None:
            attach(server, self)            # first: it refuses, when the server has been closed meanwhile
        super().__init__({"sockname": endpoint.local, "peername": endpoint.remote, **(extra or {})}, loop)
        self._endpoint = endpoint
        self._sock = sock
        self._host = loop.netos_host
        self._server = server
        self._context = contextvars.copy_context()
        self._waiting: deque[memoryview] = deque()       # what the connection has not taken yet
        self._waiting_bytes = 0
        self._paused = False
        self._closing = False
        self._lost = False
        self._late_writes = 0
        self._eof_written = False
        self._eof_seen = False
        self.set_protocol(protocol)
        endpoint.no_delay = True
        endpoint.user = self
        loop.netos_open.add(self)
        loop.call_soon(self._begin, waiter)

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        try:
            self._protocol.connection_made(self)
        finally:                            # what it raises is the loop's to report: the connection stays
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            self._loop.call_soon(self._begin_to_look)   # who waits, and what connection_made began, is before the data

    def _begin_to_look(self) -> None:
        self._begun = True
        if not self._lost:
            self._look()

    def __repr__(self) -> str:
        return (f"<StreamTransport{' closing' if self._closing else ''} {self._endpoint.local} to "
                f"{self._endpoint.remote} {self._endpoint.state}>")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket" and "socket" not in self._extra:
            if self._sock is None:
                self._sock = StackSocket(endpoint=self._endpoint, host=self._host)
                self._endpoint.user = self
            self._extra["socket"] = trsock.TransportSocket(self._sock)          # type: ignore[arg-type]
        return super().get_extra_info(name, default)

    # Protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give what comes to another protocol from now on."""
        self._protocol: Any = protocol
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call the protocol's method of that name; what it raises ends the connection."""
        try:
            return getattr(self._protocol, name)(*arguments)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, f"Fatal error: protocol.{name}() call failed.")
            return None

    # Events of the stack

    def stack_event(self, events: int) -> None:
        """Something has happened to the connection; the stack's element calls this, between two batches."""
        if self._lost or not self._begun:
            return
        if self._host.loop is self._loop:
            self._context.run(self._look)
        elif not self._loop.is_closed():
            self._loop.call_soon(self._look_later, context=self._context)

    def _look_later(self) -> None:
        if not self._lost:
            self._look()

    def _look(self) -> None:
        """Take what has come, give what waits, see the end."""
        endpoint = self._endpoint
        if self._waiting:
            self._give()
        if not self._paused and not self._lost:
            self._take()
        if self._lost or self._paused or self._eof_seen:
            return                          # who does not read hears of the end by writing, or when he reads again
        if endpoint.error:
            self._forget(error_of(endpoint.error))
        elif endpoint.state == "CLOSED":
            self._forget(None)

    def _take(self) -> None:
        endpoint = self._endpoint
        while endpoint.readable and not self._paused and not self._closing:
            if self._buffered:
                self._take_into()
            else:
                self._call("data_received", endpoint.receive(READ_AT_ONCE))
            if self._lost:
                return
        if endpoint.finished and not endpoint.readable and not self._eof_seen and not self._closing:
            self._eof_seen = True
            if not self._call("eof_received"):
                self.close()

    def _take_into(self) -> None:
        """Have a BufferedProtocol's buffer filled."""
        try:
            buffer = self._protocol.get_buffer(-1)
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.get_buffer() call failed.")
            return
        try:
            count = self._endpoint.receive_into(memoryview(buffer).cast("B"))
        except (TypeError, ValueError, BufferError) as error:       # it cannot be written to
            self._fatal_error(error, "Fatal read error on socket transport")
            return
        self._call("buffer_updated", count)

    # Reading

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        if not self._closing:
            self._paused = True

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        if self._begun:
            self._loop.call_soon(self._look_later)

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not len(data):
            return
        if self._lost:
            if self._late_writes >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                logger.warning("socket.send() raised exception.")
            self._late_writes += 1
            return
        taken = 0
        if not self._waiting:
            try:
                if isinstance(data, memoryview):
                    data = data.cast("B")
                taken = self._endpoint.send(data)
            except (OSError, TypeError) as error:       # TypeError: its bytes are not in one piece
                self._fatal_error(error, "Fatal write error on socket transport")
                return
            if taken == len(data):
                return
        rest = memoryview(data)[taken:]
        if not isinstance(data, bytes):
            rest = memoryview(bytes(rest))      # the caller may change what it gave
        self._waiting.append(rest)
        self._waiting_bytes += len(rest)
        self._maybe_pause_protocol()            # type: ignore[attr-defined] # typeshed leaves it out

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def _give(self) -> None:
        """Hand over what waits, as far as the connection takes it."""
        try:
            while self._waiting:
                taken = self._endpoint.send(self._waiting[0])
                self._waiting_bytes -= taken
                if taken < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][taken:]
                    break
                self._waiting.popleft()
        except OSError as error:
            self._fatal_error(error, "Fatal write error on socket transport")
            return
        self._maybe_resume_protocol()           # type: ignore[attr-defined] # may write
        if not self._waiting:
            if self._closing:
                self._forget(None)
            elif self._eof_written:
                self._shutdown()

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing or self._eof_written:
            return
        self._eof_written = True
        if not self._waiting:
            self._shutdown()

    def _shutdown(self) -> None:
        try:
            self._endpoint.shutdown()
        except OSError as error:
            if error.errno != errno.ENOTCONN:   # it is over: connection_lost says so
                raise

    # The end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Read no more, send what waits, then close."""
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self._forget(None)

    def abort(self) -> None:
        """Close at once; what waits here is lost."""
        self._force_close(None)

    def _fatal_error(self, error: BaseException, message: str = "Fatal error on transport") -> None:
        if not isinstance(error, OSError):
            self._loop.call_exception_handler({"message": message, "exception": error, "transport": self,
                                               "protocol": self._protocol})
        self._force_close(error)

    def _force_close(self, error: BaseException | None) -> None:
        if not self._lost:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._forget(error)

    def _forget(self, error: BaseException | None) -> None:
        """Tell the protocol, later, that the connection is lost; the stack sends what is left by itself."""
        if not self._lost:
            self._lost = self._closing = True
            self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._loop.netos_open.discard(self)
            self._endpoint.user = None
            (self._sock or self._endpoint).close()
            self._protocol = None
            server, self._server = self._server, None
            if server is not None:
                detach(server, self)

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not getattr(self, "_lost", True):
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._host.call(self._endpoint.close)
            if self._server is not None:
                detach(self._server, self)
