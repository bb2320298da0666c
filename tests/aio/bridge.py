"""Blocking sockets of the stack, and TLS over them: what CPython's own asyncio tests use as peers.

Those tests open plain blocking sockets to 127.0.0.1, in the thread of the loop or in others, while a loop runs or not.
`bridged()` has socket.socket make IPv4 sockets of the stack instead, so that both ends of each connection are netos's
TCP. A blocking call of the thread that may touch the stack moves the packets itself; while a loop runs in another
thread it has that do it. Whatever is not IPv4 stays the host's.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from typing import Any
from unittest import mock

from netos.aio.host import Host
from netos.aio.sockets import StackSocket
from netos.proto.endpoints import TcpEndpoint, TcpListener

RealSocket = socket.socket
PAUSE = 0.0005          # seconds between two looks of a blocking call


class Turns:
    """Who may touch the stack: one thread at a time, that of the loop as long as it runs."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.lock = threading.RLock()

    def call(self, function: Any, *arguments: Any) -> Any:
        """What the function returns or raises, called where the stack may be touched."""
        outcome: list[Any] = []
        done = threading.Event()

        def job() -> None:
            if done.is_set():
                return
            try:
                outcome.append((True, function(*arguments)))
            except BaseException as error:
                outcome.append((False, error))
            done.set()

        while not done.is_set():
            if self.lock.acquire(timeout=PAUSE):
                with contextlib.closing(_Release(self.lock)):
                    job()
                break
            loop = self.host.loop
            if loop is not None:
                with contextlib.suppress(RuntimeError):         # it is closed
                    loop.call_soon_threadsafe(job)
                done.wait(0.02)
        good, value = outcome[0]
        if good:
            return value
        raise value

    def move(self) -> None:
        """Move packets, unless somebody else does."""
        if self.lock.acquire(blocking=False):
            try:
                if not self.host.closed:
                    self.host.router.cpu.run()
            finally:
                self.lock.release()
        time.sleep(PAUSE)


class _Release:
    def __init__(self, lock: Any) -> None:
        self.close = lock.release


class Turned:
    """For event loops: while it runs, the stack is its own."""

    def run_forever(self) -> None:
        with BlockingSocket.turns.lock:
            super().run_forever()           # type: ignore[misc]


class BlockingSocket(StackSocket):
    """A socket of the stack that blocks as a host's does, and has a descriptor that select() finds readable."""

    turns: Turns
    default_timeout: float | None = None

    def __init__(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0, *,
                 host: Host | None = None, endpoint: Any = None) -> None:
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._timeout = self.default_timeout
        self._io_refs = 0
        self._wanted_closed = self._borrowed = False
        super().__init__(family, type, proto, host=host, endpoint=endpoint)
        self._show()

    # A descriptor

    def fileno(self) -> int:
        return self._event

    def stack_event(self, events: int) -> None:
        super().stack_event(events)
        self._show()

    def _show(self) -> None:
        """Have select() find the descriptor readable if recv() or accept() would return."""
        if self._event < 0:
            return
        endpoint = self._endpoint
        ready = (isinstance(endpoint, TcpListener) and endpoint.waiting) or (isinstance(endpoint, TcpEndpoint) and (
            endpoint.readable or endpoint.finished or endpoint.state == "CLOSED"))
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event)
        if ready:
            os.eventfd_write(self._event, 1)

    # Blocking

    def gettimeout(self) -> float | None:
        return self._timeout

    def getblocking(self) -> bool:
        return self._timeout != 0

    def settimeout(self, value: float | None) -> None:
        self._timeout = value

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def _block(self, function: Any, *arguments: Any) -> Any:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                return self.turns.call(self._do, function, *arguments)
            except BlockingIOError:
                if self._timeout == 0:
                    raise
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("timed out")
            self.turns.move()

    def _do(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        finally:
            self._show()

    def bind(self, address: Any) -> None:
        self.turns.call(super().bind, address)

    def listen(self, backlog: int = 128) -> None:
        self.turns.call(super().listen, backlog)

    def accept(self) -> Any:
        made, address = self._block(super().accept)
        return made, address

    def connect(self, address: Any) -> None:
        address = ("127.0.0.1" if address[0] == "localhost" else address[0], address[1])
        try:
            self.turns.call(super().connect, address)
            return
        except BlockingIOError:
            if self._timeout == 0:
                raise
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while self.connecting:
            self.turns.move()
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("timed out")
        self.turns.call(self._raise_error)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return self._block(super().recv, bufsize, flags)

    def recvfrom(self, bufsize: int, flags: int = 0) -> Any:
        return self._block(super().recvfrom, bufsize, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        return self._block(super().send, data, flags)

    def sendto(self, data: Any, *where: Any) -> int:
        return self._block(super().sendto, data, *where)

    def shutdown(self, how: int) -> None:
        self.turns.call(super().shutdown, how)

    # Files and the end

    def makefile(self, *arguments: Any, **options: Any) -> Any:
        return RealSocket.makefile(self, *arguments, **options)

    def _decref_socketios(self) -> None:
        self._io_refs -= 1
        if self._wanted_closed and self._io_refs <= 0:
            self._really_close()

    def close(self) -> None:
        self._wanted_closed = True
        if self._io_refs <= 0:
            self._really_close()

    def _really_close(self) -> None:
        if self._borrowed:
            self._endpoint = None
        self.turns.call(super().close)
        event, self._event = self._event, -1
        if event >= 0:
            os.close(event)

    def dup(self) -> BlockingSocket:
        """Another socket for the same endpoint; this one is who closes it."""
        user = self._endpoint.user if self._endpoint is not None else None
        other = type(self)(self.family, self.type, self.proto, endpoint=self._endpoint)
        if self._endpoint is not None:
            self._endpoint.user = user
        other._timeout, other._borrowed = self._timeout, True
        return other

    def handed_over(self) -> BlockingSocket:
        """Another socket with the endpoint of this one, which is closed."""
        other = type(self)(self.family, self.type, self.proto, endpoint=self._endpoint)
        other._bound, other._timeout = self._bound, self._timeout
        self._endpoint = self._bound = None
        self.close()
        return other


class TlsSocket:
    """What SSLContext.wrap_socket() gives for such a socket: SSLObject over its bytes."""

    def __init__(self, context: ssl.SSLContext, sock: BlockingSocket, server_side: bool = False,
                 do_handshake_on_connect: bool = True, suppress_ragged_eofs: bool = True,
                 server_hostname: str | None = None, session: Any = None) -> None:
        self.sock = sock.handed_over()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_side, server_hostname)
        self.eager, self.ragged = do_handshake_on_connect, suppress_ragged_eofs
        if self.eager and self.sock._endpoint is not None:
            self.do_handshake()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.object if hasattr(ssl.SSLObject, name) and name != "read" else self.sock, name)

    def __enter__(self) -> TlsSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def connect(self, address: Any) -> None:
        self.sock.connect(address)
        if self.eager:
            self.do_handshake()

    def _run(self, function: Any, *arguments: Any) -> Any:
        while True:
            try:
                return function(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            finally:
                with contextlib.suppress(OSError):
                    self._flush()

    def _flush(self) -> None:
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def do_handshake(self) -> None:
        self._run(self.object.do_handshake)

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        try:
            return self._run(self.object.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError:
            if self.ragged:
                return b""
            raise

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        data = self.recv(nbytes or len(buffer))
        memoryview(buffer).cast("B")[:len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        return self._run(self.object.write, data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data).cast("B")
        while len(rest):
            rest = rest[self.send(rest):]

    def unwrap(self) -> BlockingSocket:
        self._run(self.object.unwrap)
        return self.sock

    def makefile(self, *arguments: Any, **options: Any) -> Any:
        return RealSocket.makefile(self, *arguments, **options)

    def _decref_socketios(self) -> None:
        self.sock._decref_socketios()

    @property
    def _io_refs(self) -> int:
        return self.sock._io_refs

    @_io_refs.setter
    def _io_refs(self, value: int) -> None:
        self.sock._io_refs = value

    def close(self) -> None:
        self.sock.close()


class AnySocket(RealSocket):
    """socket.socket, while it is bridged."""

    def __new__(cls, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> Any:
        if cls is AnySocket and fileno is None and family in (-1, socket.AF_INET):
            return BlockingSocket(family, type, proto)
        return super().__new__(cls, family, type, proto, fileno)


@contextlib.contextmanager
def bridged(host: Host) -> Any:
    """While this lasts, IPv4 sockets of this process are the host's stack's."""
    wrap = ssl.SSLContext.wrap_socket

    def wrap_socket(self: ssl.SSLContext, sock: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(sock, BlockingSocket):
            return TlsSocket(self, sock, *arguments, **options)
        return wrap(self, sock, *arguments, **options)

    BlockingSocket.turns = Turns(host)
    with mock.patch("socket.socket", AnySocket), mock.patch.object(ssl.SSLContext, "wrap_socket", wrap_socket):
        yield
