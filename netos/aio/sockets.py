"""Objects like sockets for endpoints of the stack: what transports show as their socket, and what loop.sock_* take."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from netos.proto.endpoints import TcpEndpoint, TcpListener, UdpEndpoint

if TYPE_CHECKING:
    pass

Address = tuple[str, int]


def error_of(number: int) -> OSError:
    """The exception of an errno."""
    return OSError(number, os.strerror(number))


class EndpointSocket:
    """What `transport.get_extra_info("socket")` gives: it can be asked and told, but not read or written."""

    family = socket.AF_INET
    proto = 0

    def __init__(self, endpoint: TcpEndpoint | TcpListener | UdpEndpoint) -> None:
        self.endpoint = endpoint
        self.type = socket.SOCK_DGRAM if isinstance(endpoint, UdpEndpoint) else socket.SOCK_STREAM
        self._local = endpoint.local
        self._remote = getattr(endpoint, "remote", None)

    def __repr__(self) -> str:
        return f"<netos socket {self._local}{f' to {self._remote}' if self._remote else ''}>"

    def fileno(self) -> int:
        """There is no descriptor: the host knows nothing of this socket."""
        return -1

    def getsockname(self) -> Address:
        return self._local

    def getpeername(self) -> Address:
        if self._remote is None:
            raise error_of(errno.ENOTCONN)
        return self._remote

    def gettimeout(self) -> float:
        return 0.0

    def getblocking(self) -> bool:
        return False

    def setblocking(self, flag: bool) -> None:
        if flag:
            raise ValueError("a socket of a transport cannot be blocking")

    def settimeout(self, value: float | None) -> None:
        if value != 0:
            raise ValueError("a socket of a transport cannot be blocking")

    def setsockopt(self, level: int, option: int, value: Any, length: int | None = None) -> None:
        set_option(self.endpoint, level, option, value)

    def getsockopt(self, level: int, option: int, length: int = 0) -> int:
        return get_option(self.endpoint, self.type, level, option)


FLAGS: dict[tuple[int, int], str] = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): "no_delay",
    (socket.IPPROTO_TCP, socket.TCP_CORK): "corked",
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): "keepalive",
    (socket.SOL_SOCKET, socket.SO_BROADCAST): "broadcast",
}
IGNORED = {(socket.SOL_SOCKET, option) for option in (
    socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_SNDBUF, socket.SO_RCVBUF, socket.SO_LINGER, socket.SO_OOBINLINE)}
IGNORED |= {(socket.IPPROTO_TCP, option) for option in (
    socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_QUICKACK, socket.TCP_USER_TIMEOUT,
    socket.TCP_DEFER_ACCEPT, socket.TCP_FASTOPEN)}
IGNORED |= {(socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IP, socket.IP_TTL)}


def set_option(endpoint: Any, level: int, option: int, value: Any) -> None:
    """Set a socket option; those that only tune are taken without effect, unknown ones refused."""
    name = FLAGS.get((level, option))
    if name is not None and hasattr(endpoint, name):
        setattr(endpoint, name, bool(value))
    elif name is None and (level, option) not in IGNORED:
        raise error_of(errno.ENOPROTOOPT)


def get_option(endpoint: Any, kind: int, level: int, option: int) -> int:
    """The value of a socket option."""
    name = FLAGS.get((level, option))
    if name is not None:
        return int(getattr(endpoint, name, False))
    if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
        return int(getattr(endpoint, "error", 0))
    if (level, option) == (socket.SOL_SOCKET, socket.SO_TYPE):
        return kind
    if (level, option) in IGNORED:
        return 0
    raise error_of(errno.ENOPROTOOPT)
