"""Socket options of the stack's endpoints: those that mean something to it, and those that only tune the host's."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import Any

FLAGS: dict[tuple[int, int], str] = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): "no_delay",
    (socket.IPPROTO_TCP, socket.TCP_CORK): "corked",
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): "keepalive",
    (socket.SOL_SOCKET, socket.SO_BROADCAST): "broadcast",
}
LINGER = (socket.SOL_SOCKET, socket.SO_LINGER)
USER_TIMEOUT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)            # milliseconds
TYPE_OF_SERVICE = (socket.IPPROTO_IP, socket.IP_TOS)
# When an idle connection is probed first, how often (seconds), and how many times: tcp(7)'s defaults and limits.
PROBING = {(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): (7200, 32767),
           (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): (75, 32767),
           (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): (9, 127)}
TUNING = {LINGER, USER_TIMEOUT, TYPE_OF_SERVICE, (socket.IPPROTO_IP, socket.IP_TTL), *PROBING}
TUNING |= {(socket.SOL_SOCKET, option) for option in (
    socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_SNDBUF, socket.SO_RCVBUF, socket.SO_OOBINLINE,
    socket.SO_PRIORITY)}
TUNING |= {(socket.IPPROTO_TCP, option) for option in (
    socket.TCP_QUICKACK, socket.TCP_DEFER_ACCEPT, socket.TCP_FASTOPEN)}
DEFAULTS = {place: default for place, (default, _) in PROBING.items()} | {(socket.IPPROTO_IP, socket.IP_TTL): 64}


def error_of(number: int) -> OSError:
    """The exception of an errno."""
    return OSError(number, os.strerror(number))


class Options:
    """The options of one socket: kept until there is an endpoint, then told to it, and to those it accepts."""

    def __init__(self, kind: int) -> None:
        self.values: dict[tuple[int, int], Any] = {}
        self.facts = {(socket.SOL_SOCKET, socket.SO_TYPE): kind, (socket.SOL_SOCKET, socket.SO_DOMAIN): socket.AF_INET,
                      (socket.SOL_SOCKET, socket.SO_PROTOCOL): socket.IPPROTO_UDP if kind == socket.SOCK_DGRAM
                      else socket.IPPROTO_TCP}

    @property
    def resets(self) -> bool:
        """Whether closing shall reset the connection: lingering for no time was set (socket(7))."""
        switch, seconds = struct.unpack("ii", self.values.get(LINGER, bytes(8)))
        return bool(switch) and seconds == 0

    def set(self, endpoint: Any, level: int, option: int, value: Any) -> None:
        """Set an option; those that only tune are remembered without effect, unknown ones refused."""
        place = (level, option)
        if place not in FLAGS and place not in TUNING:
            raise error_of(errno.ENOPROTOOPT)
        if place == LINGER:
            if isinstance(value, int) or len(value) != 8:
                raise error_of(errno.EINVAL)
        elif not isinstance(value, int):
            value = int.from_bytes(value[:4], sys.byteorder, signed=True)
        if place in FLAGS:
            value = int(bool(value))
        if (place in PROBING and not 1 <= value <= PROBING[place][1]) or (place == USER_TIMEOUT and value < 0):
            raise error_of(errno.EINVAL)
        self.values[place] = value
        self.tell(endpoint)

    def tell(self, endpoint: Any) -> None:
        """Give the endpoint what was set."""
        for place, value in self.values.items():
            name = FLAGS.get(place)
            if name is not None and hasattr(endpoint, name):
                setattr(endpoint, name, bool(value))
        if not hasattr(endpoint, "set_keepalive"):
            return
        if not PROBING.keys().isdisjoint(self.values):
            endpoint.set_keepalive(*(self.values.get(place, default) for place, (default, _) in PROBING.items()))
        if self.values.get(USER_TIMEOUT):
            endpoint.user_timeout = self.values[USER_TIMEOUT] / 1000
        if TYPE_OF_SERVICE in self.values:
            endpoint.tos = self.values[TYPE_OF_SERVICE] & 0xFF

    def get(self, endpoint: Any, level: int, option: int, length: int = 0) -> Any:
        """The value of an option: a number, or its bytes when a length is given."""
        place = (level, option)
        name = FLAGS.get(place)
        value: Any
        if name is not None:
            value = int(getattr(endpoint, name, self.values.get(place, False)))
        elif place == (socket.SOL_SOCKET, socket.SO_ERROR):
            value = int(getattr(endpoint, "error", 0))
        elif place == (socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            value = int(hasattr(endpoint, "listen"))
        elif place in self.facts or place in TUNING:
            value = self.facts.get(place, self.values.get(place, DEFAULTS.get(place, 0)))
        else:
            raise error_of(errno.ENOPROTOOPT)
        if place == LINGER:
            value = value or bytes(8)
            return value[:length] if length else int.from_bytes(value[:4], sys.byteorder)
        return int(value).to_bytes(4, sys.byteorder, signed=True)[:length] if length else int(value)
