"""Socket options of the stack's endpoints: those that mean something to it, and those that only tune the host's."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

FLAGS: dict[tuple[int, int], str] = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): "no_delay",
    (socket.IPPROTO_TCP, socket.TCP_CORK): "corked",
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): "keepalive",
    (socket.SOL_SOCKET, socket.SO_BROADCAST): "broadcast",
}
TUNING = {(socket.SOL_SOCKET, option) for option in (
    socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_SNDBUF, socket.SO_RCVBUF, socket.SO_LINGER, socket.SO_OOBINLINE,
    socket.SO_PRIORITY)}
TUNING |= {(socket.IPPROTO_TCP, option) for option in (
    socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_QUICKACK, socket.TCP_USER_TIMEOUT,
    socket.TCP_DEFER_ACCEPT, socket.TCP_FASTOPEN)}
TUNING |= {(socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IP, socket.IP_TTL)}


def error_of(number: int) -> OSError:
    """The exception of an errno."""
    return OSError(number, os.strerror(number))


class Options:
    """The options of one socket: kept until there is an endpoint, then told to it."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.values: dict[tuple[int, int], Any] = {}

    def set(self, endpoint: Any, level: int, option: int, value: Any) -> None:
        """Set an option; those that only tune are remembered without effect, unknown ones refused."""
        if (level, option) in FLAGS:
            value = int(bool(value))
        elif (level, option) not in TUNING:
            raise error_of(errno.ENOPROTOOPT)
        self.values[level, option] = value
        self.tell(endpoint)

    def tell(self, endpoint: Any) -> None:
        """Give the endpoint what was set."""
        for place, value in self.values.items():
            name = FLAGS.get(place)
            if name is not None and hasattr(endpoint, name):
                setattr(endpoint, name, bool(value))

    def get(self, endpoint: Any, level: int, option: int) -> int:
        """The value of an option."""
        name = FLAGS.get((level, option))
        if name is not None:
            return int(getattr(endpoint, name, self.values.get((level, option), False)))
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return int(getattr(endpoint, "error", 0))
        if (level, option) == (socket.SOL_SOCKET, socket.SO_TYPE):
            return self.kind
        if (level, option) in TUNING:
            return int(self.values.get((level, option), 0))
        raise error_of(errno.ENOPROTOOPT)
