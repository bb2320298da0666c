"""Objects like socket.socket for endpoints of the stack: never blocking; loop.sock_* and create_*(sock=…) take them."""

from __future__ import annotations

import asyncio
import errno
import socket
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from netos.aio.host import Host, current_host
from netos.aio.names import address_number
from netos.aio.options import Options, error_of
from netos.proto.endpoints import CONNECTED, TcpEndpoint, TcpListener
from netos.proto.udp_endpoint import UdpEndpoint

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from netos.proto.stack import Stack

Address = tuple[str, int]
Endpoint = TcpEndpoint | TcpListener | UdpEndpoint
ANYWHERE: Address = ("0.0.0.0", 0)
HANDSHAKE = ("SYN-SENT", "SYN-RECEIVED")


def destination(address: Any) -> Address:
    """Whom to reach by (host, port): by no address this host, as under Linux."""
    host, port = address_number(address)
    return ("127.0.0.1" if host == ANYWHERE[0] else host), port


class StackSocket:
    """A socket of the stack: its calls do what a host's non-blocking IPv4 socket does, and raise what it raises.

    There is no descriptor: select(), threads and blocking calls are not for it. Awaitable forms are loop.sock_*().
    """

    family = socket.AF_INET
    _closed = True

    def __init__(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0, *,
                 host: Host | None = None, endpoint: Endpoint | None = None) -> None:
        kind = type if type == -1 else type & ~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.type = socket.SOCK_DGRAM if kind == socket.SOCK_DGRAM else socket.SOCK_STREAM
        if family not in (socket.AF_INET, -1):
            raise error_of(errno.EAFNOSUPPORT)
        if kind not in (socket.SOCK_STREAM, socket.SOCK_DGRAM, -1):
            raise error_of(errno.ESOCKTNOSUPPORT)
        self.proto = max(proto, 0)
        self._host = host or (current_host() if endpoint is None else None)
        self._stack: Stack = endpoint.stack if endpoint is not None else self._host.stack     # type: ignore[union-attr]
        self._endpoint = endpoint
        self._bound: TcpListener | None = None          # keeps a port for who does not listen there (yet)
        self._options = Options(self.type)
        self._waiting: list[asyncio.Future[None]] = []
        self._connected = endpoint is not None          # at some time
        self._begun = False                             # to connect, and nobody has asked yet how that went
        self._deaf = self._told = self._closed = False  # told: how the connection has ended
        if endpoint is not None:
            endpoint.user = self

    def __repr__(self) -> str:
        return (f"<{type(self).__name__}{' closed' if self._closed else ''} {self.type.name} "
                f"laddr={self.getsockname() if not self._closed else None} raddr={self._remote()}>")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._closed and (self._endpoint or self._bound) is not None and not self._lent():
            _warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.forget()

    # Waiting

    def stack_event(self, events: int) -> None:
        """Something has happened to the endpoint: whoever waits shall look again."""
        self._connected = self._connected or bool(events & CONNECTED)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done() and not waiter.get_loop().is_closed():
                waiter.set_result(None)

    async def changed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until something happens to the endpoint."""
        if self._lent():
            raise RuntimeError(f"{self!r} is used by {self._endpoint.user!r}")     # type: ignore[union-attr]
        waiter = loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _lent(self) -> bool:
        """Whether a transport or a server has the endpoint, and hears of its events."""
        return self._endpoint is not None and self._endpoint.user not in (self, None)

    # What it is

    def fileno(self) -> int:
        """There is no descriptor: the host knows nothing of this socket."""
        return -1

    def gettimeout(self) -> float | None:
        return 0.0

    def getblocking(self) -> bool:
        return False

    def setblocking(self, flag: bool) -> None:
        if flag:
            raise ValueError("a socket of the stack cannot block: await loop.sock_recv() and the like")

    def settimeout(self, value: float | None) -> None:
        if value != 0:
            raise ValueError("a socket of the stack cannot block: await loop.sock_recv() and the like")

    def getsockname(self) -> Address:
        self._open()
        found = self._endpoint or self._bound
        return found.local if found is not None else ANYWHERE

    def _remote(self) -> Address | None:
        return getattr(self._endpoint, "remote", None)

    def getpeername(self) -> Address:
        self._open()
        remote = self._remote()
        if remote is None or self._told or getattr(self._endpoint, "state", "") in HANDSHAKE:
            raise error_of(errno.ENOTCONN)
        return remote

    def setsockopt(self, level: int, option: int, value: Any, length: int | None = None) -> None:
        self._open()
        self._options.set(self._endpoint, level, option, value)

    def getsockopt(self, level: int, option: int, length: int = 0) -> Any:
        self._open()
        return self._options.get(self._endpoint, level, option, length)

    def _open(self) -> None:
        if self._closed:
            raise error_of(errno.EBADF)

    def _have(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        endpoint.user = self
        self._options.tell(endpoint)

    # Being connected

    def bind(self, address: Address) -> None:
        self._open()
        if self._endpoint is not None or self._bound is not None:
            raise error_of(errno.EINVAL)
        address = address_number(address)
        if self.type == socket.SOCK_DGRAM:
            self._have(UdpEndpoint(self._stack, address, shared=bool(self._options.get(
                None, socket.SOL_SOCKET, socket.SO_REUSEPORT))))
        else:
            self._bound = TcpListener(self._stack, address, 0)

    def listen(self, backlog: int = 128) -> None:
        self._open()
        if self.type == socket.SOCK_DGRAM:
            raise error_of(errno.EOPNOTSUPP)
        if isinstance(self._endpoint, TcpEndpoint):
            raise error_of(errno.EINVAL)
        if self._endpoint is None:
            listener = self._bound or TcpListener(self._stack, ANYWHERE, 0)
            self._bound = None
            self._have(listener)
        assert isinstance(self._endpoint, TcpListener)
        self._endpoint.listen(max(backlog, 1))

    def accept(self) -> tuple[StackSocket, Address]:
        self._open()
        if not isinstance(self._endpoint, TcpListener):
            raise error_of(errno.EOPNOTSUPP if self.type == socket.SOCK_DGRAM else errno.EINVAL)
        made = self._endpoint.accept()
        if made is None:
            raise error_of(errno.EAGAIN)
        sock = type(self)(endpoint=made, host=self._host)
        sock._options.values.update(self._options.values)
        sock._options.tell(made)
        return sock, made.remote

    def connect(self, address: Address) -> None:
        """Begin to connect: BlockingIOError with EINPROGRESS; further calls tell how it went."""
        self._open()
        address = destination(address)
        if self.type == socket.SOCK_DGRAM:
            self._port().connect(address)
            return
        if isinstance(self._endpoint, TcpListener):
            raise error_of(errno.EISCONN)
        if self._endpoint is None:
            local = self._bound.local if self._bound is not None else None
            self._have(TcpEndpoint(self._stack, address, local))
            self._begun = True
            raise error_of(errno.EINPROGRESS)
        if self._connection().state in HANDSHAKE:
            raise error_of(errno.EALREADY)
        self._raise_error()
        if not self._begun:
            raise error_of(errno.EISCONN)
        self._begun = False

    def connect_ex(self, address: Address) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or 0
        return 0

    @property
    def connecting(self) -> bool:
        """Whether the handshake goes on."""
        return isinstance(self._endpoint, TcpEndpoint) and self._endpoint.state in HANDSHAKE

    def _raise_error(self) -> None:
        """Raise how the connection has ended, once: behind that there is nothing to read, and to write is EPIPE."""
        endpoint = self._endpoint
        if isinstance(endpoint, TcpEndpoint) and endpoint.error and not self._told:
            number = endpoint.error
            if self._connected:
                self._told = True
            else:
                endpoint.close()
                self._endpoint = None       # there never was one: it may connect again
            raise error_of(number)

    def connect_error(self) -> int:
        """The errno with which connecting has failed, told once; 0 when it has not."""
        try:
            self._raise_error()
        except OSError as error:
            return error.errno or 0
        return 0

    def _connection(self) -> TcpEndpoint:
        self._open()
        if not isinstance(self._endpoint, TcpEndpoint):
            raise error_of(errno.ENOTCONN)
        return self._endpoint

    def _port(self) -> UdpEndpoint:
        self._open()
        if self._endpoint is None:
            self._have(UdpEndpoint(self._stack))
        assert isinstance(self._endpoint, UdpEndpoint)
        return self._endpoint

    # Data

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return self._receive(bufsize, flags)[0]

    def _receive(self, bufsize: int, flags: int) -> tuple[bytes, Address | None]:
        if flags:
            raise error_of(errno.EOPNOTSUPP)
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        if self.type == socket.SOCK_DGRAM:
            found = self._port().receive()
            if found is None:
                raise error_of(errno.EAGAIN)
            return found[0][:bufsize], found[1]
        return self._receive_bytes(bufsize), None

    def _receive_bytes(self, bufsize: int) -> bytes:
        endpoint = self._connection()
        if endpoint.readable:
            return endpoint.receive(bufsize)
        if self._deaf or endpoint.finished:
            return b""
        self._raise_error()
        if endpoint.state == "CLOSED":
            return b""
        raise error_of(errno.EAGAIN)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address | None]:
        return self._receive(bufsize, flags)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Address | None]:
        into = memoryview(buffer).cast("B")
        if into.readonly:
            raise TypeError(f"a buffer that can be written to is wanted, not {type(buffer).__name__!r}")
        if not 0 <= nbytes <= len(into):
            raise ValueError(f"{nbytes} bytes do not fit into the {len(into)} of the buffer")
        data, source = self.recvfrom(nbytes or len(into), flags)
        into[:len(data)] = data
        return len(data), source

    def send(self, data: Buffer, flags: int = 0) -> int:
        return self._send(data)

    def _send(self, data: Buffer) -> int:
        content = memoryview(data).cast("B")
        if self.type == socket.SOCK_DGRAM:
            if self._port().remote is None:
                raise error_of(errno.EDESTADDRREQ)
            self._port().send(content)
            return len(content)
        self._open()
        if not isinstance(self._endpoint, TcpEndpoint):
            raise error_of(errno.EPIPE)
        endpoint = self._endpoint
        if endpoint.state in HANDSHAKE:
            raise error_of(errno.EAGAIN)
        self._raise_error()
        if self._told:
            raise error_of(errno.EPIPE)
        taken = endpoint.send(content)
        if not taken and len(content):
            raise error_of(errno.EAGAIN)
        return taken

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """Hand over all of it, or raise BlockingIOError after a part: loop.sock_sendall() waits instead."""
        rest = memoryview(data).cast("B")
        while len(rest):
            rest = rest[self.send(rest, flags):]

    def sendto(self, data: Buffer, *where: Any) -> int:
        if not where:
            raise TypeError("sendto() takes data, perhaps flags, and an address")
        if self.type != socket.SOCK_DGRAM:
            return self._send(data)
        content = memoryview(data).cast("B")
        self._port().send(content, destination(where[-1]))
        return len(content)

    # The end

    def shutdown(self, how: int) -> None:
        endpoint = self._connection()
        if how not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise error_of(errno.EINVAL)
        self._deaf = self._deaf or how in (socket.SHUT_RD, socket.SHUT_RDWR)
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            endpoint.shutdown()

    def close(self) -> None:
        self._closed = True
        for endpoint in (self._endpoint, self._bound):
            if endpoint is not None:
                if endpoint.user is self:
                    endpoint.user = None
                if self._options.resets and isinstance(endpoint, TcpEndpoint):
                    endpoint.abort()
                endpoint.close()
        self.stack_event(0)

    def forget(self) -> None:
        """Close it, in whatever thread nobody refers to it any more."""
        if self._host is None:
            self.close()
        else:
            self._host.call(self.close)

    def take_endpoint(self) -> Endpoint | None:
        """The endpoint, for a transport, which hears of its events from then on."""
        self._open()
        return self._port() if self.type == socket.SOCK_DGRAM else self._endpoint
