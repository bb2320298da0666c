"""Streams: an asyncio transport over a TCP connection of the stack."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from netos.aio.sockets import EndpointSocket, error_of
from netos.proto.endpoints import TcpEndpoint

if TYPE_CHECKING:
    from netos.aio.server import Server

READ_AT_ONCE = 256 * 1024
HIGH_WATER = 64 * 1024


class StreamTransport(asyncio.Transport):
    """What a protocol writes to; what comes is given to the protocol as it comes."""

    _start_tls_compatible = True

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: TcpEndpoint, protocol: asyncio.BaseProtocol,
                 server: Server | None = None, waiter: asyncio.Future[None] | None = None,
                 extra: dict[str, Any] | None = None) -> None:
        super().__init__({"socket": EndpointSocket(endpoint), "sockname": endpoint.local, "peername": endpoint.remote,
                          **(extra or {})})
        self._loop = loop
        self._endpoint = endpoint
        self._server = server
        self._context = contextvars.copy_context()
        self._waiting: deque[memoryview] = deque()       # what the connection has not taken yet
        self._waiting_bytes = 0
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        self._writing_paused = False
        self._paused = False
        self._closing = False
        self._lost = False
        self._eof_written = False
        self._eof_seen = False
        self.set_protocol(protocol)
        endpoint.no_delay = True
        endpoint.user = self
        if server is not None:
            server._attach(self)
        loop.call_soon(self._begin, waiter)

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        if not self._lost:
            self._call(self._protocol.connection_made, self)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        self._begun = True
        self._look()

    _begun = False

    def __repr__(self) -> str:
        return f"<StreamTransport {self._endpoint.local} to {self._endpoint.remote} {self._endpoint.state}>"

    # Protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give what comes to another protocol from now on."""
        self._protocol: Any = protocol
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call the protocol; what it raises ends the connection."""
        try:
            return method(*arguments)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal(error, f"Fatal error: protocol.{method.__name__}() call failed.")
            return None

    # Events of the stack

    def stack_event(self, events: int) -> None:
        """Something has happened to the connection; the stack's element calls this, between two batches."""
        if self._begun and not self._lost:
            self._context.run(self._look)

    def _look(self) -> None:
        """Take what has come, give what waits, see the end."""
        endpoint = self._endpoint
        if self._waiting:
            self._give()
        if not self._paused and not self._lost:
            self._take()
        if self._lost:
            return
        if endpoint.state == "CLOSED" or endpoint.error or (
                endpoint.state == "TIME-WAIT" and (self._eof_seen or self._closing)):
            self._ended()

    def _take(self) -> None:
        endpoint = self._endpoint
        while endpoint.readable and not self._paused and not self._closing:
            if self._buffered:
                buffer = self._call(self._protocol.get_buffer, -1)
                if buffer is None or self._lost:
                    return
                if not len(buffer):
                    self._fatal(RuntimeError("get_buffer() returned an empty buffer"),
                                "Fatal error: protocol.get_buffer() call failed.")
                    return
                self._call(self._protocol.buffer_updated, endpoint.receive_into(buffer))
            else:
                self._call(self._protocol.data_received, endpoint.receive(READ_AT_ONCE))
            if self._lost:
                return
        if endpoint.finished and not endpoint.readable and not self._eof_seen and not self._closing:
            self._eof_seen = True
            if not self._call(self._protocol.eof_received):
                self.close()

    def _ended(self) -> None:
        """The connection is over: by its error, or well."""
        number = self._endpoint.error
        if self._paused and self._endpoint.readable and not number:
            return
        self._forget(error_of(number) if number else None)

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
        self._loop.call_soon(self._resumed)

    def _resumed(self) -> None:
        if not self._lost:
            self._look()

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not len(data) or self._lost or (self._closing and self._endpoint.state == "CLOSED"):
            return
        if not self._waiting:
            try:
                taken = self._endpoint.send(data)
            except OSError as error:
                self._fatal(error, "Fatal write error on socket transport")
                return
            if taken == len(data):
                return
            data = memoryview(data)[taken:]
        rest = memoryview(bytes(data))          # the caller may change what it gave
        self._waiting.append(rest)
        self._waiting_bytes += len(rest)
        self._maybe_pause()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
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
            self._fatal(error, "Fatal write error on socket transport")
            return
        if self._writing_paused and self._waiting_bytes <= self._low:
            self._writing_paused = False
            self._call(self._protocol.resume_writing)
        if not self._waiting:
            if self._closing:
                self._finish_close()
            elif self._eof_written:
                self._shutdown()

    def _maybe_pause(self) -> None:
        if not self._writing_paused and self._waiting_bytes > self._high:
            self._writing_paused = True
            try:
                self._protocol.pause_writing()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._loop.call_exception_handler({"message": "protocol.pause_writing() failed", "exception": error,
                                                   "transport": self, "protocol": self._protocol})

    def get_write_buffer_size(self) -> int:
        return self._waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._maybe_pause()

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
        except OSError:
            pass                            # it is over: connection_lost says so

    # The end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Read no more, send what waits, then close."""
        if self._closing:
            return
        self._closing = True
        if not self._waiting:
            self._finish_close()

    def _finish_close(self) -> None:
        self._forget(None)

    def abort(self) -> None:
        """Close at once, with a RST; what waits is lost."""
        self._force(None)

    def _fatal(self, error: BaseException, message: str) -> None:
        if not isinstance(error, OSError):
            self._loop.call_exception_handler({"message": message, "exception": error, "transport": self,
                                               "protocol": self._protocol})
        self._force(error)

    _fatal_error = _fatal                   # by this name asyncio.sslproto calls it

    def _force_close(self, error: BaseException | None) -> None:
        self._force(error)

    def _force(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._waiting.clear()
        self._waiting_bytes = 0
        self._endpoint.abort()
        self._forget(error)

    def _forget(self, error: BaseException | None) -> None:
        """Tell the protocol, later, that the connection is lost; the stack sends what is left by itself."""
        if self._lost:
            return
        self._lost = self._closing = True
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._endpoint.user = None
            self._endpoint.close()
            self._protocol = None
            server, self._server = self._server, None
            if server is not None:
                server._detach(self)

    def __del__(self) -> None:
        if not getattr(self, "_lost", True):
            import warnings

            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self, stacklevel=1)
            self._endpoint.abort()
