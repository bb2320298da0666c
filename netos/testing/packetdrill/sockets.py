"""The sockets of a script: file descriptors, and what each of them is on the stack."""

from __future__ import annotations

import errno
import os
import select
from dataclasses import dataclass, field

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.stack import Stack
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.packetdrill.names import constant, near
from netos.testing.packetdrill.nodes import Either, Ellipsis3, Function, Struct, Word
from netos.testing.packetdrill.wire import Addresses, Flow

FIRST_REMOTE_PORT = 50000
CONNECTING = ("SYN-SENT", "SYN-RECEIVED")


class Refused(ValueError):
    """A script asks for what cannot be done here: the text says what can."""


def fail(number: int) -> OSError:
    """The exception of an errno."""
    return OSError(number, os.strerror(number))


def number(value: object) -> int:
    """What an argument comes to."""
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, Word):
        found = constant(value.name)
        if found is None:
            raise Refused(f"there is no constant {value.name}{near(value.name)}")
        return found
    if isinstance(value, Either):
        result = 0
        for part in value.parts:
            result |= number(part)
        return result
    if isinstance(value, Function) and value.name in ("htons", "htonl", "ntohs", "ntohl") and len(value.arguments) == 1:
        return number(value.arguments[0])
    raise Refused(f"expected a number, not {written(value)}")


def written(value: object) -> str:
    """An argument, for messages."""
    if isinstance(value, Ellipsis3):
        return "..."
    if isinstance(value, Word):
        return value.name
    if isinstance(value, Struct):
        return "{…}"
    if isinstance(value, Function):
        return f"{value.name}(…)"
    return repr(value)


@dataclass
class Socket:
    """A socket of the script's."""

    stream: bool
    nonblocking: bool = False
    local: tuple[str, int] | None = None
    endpoint: TcpEndpoint | None = None
    listener: TcpListener | None = None
    udp: UdpEndpoint | None = None
    datagram: tuple[bytes, tuple[str, int]] | OSError | None = None      # that poll() has looked at
    options: dict[str, int] = field(default_factory=dict)
    more: bool = False              # the last bytes were sent with MSG_MORE
    told: bool = False              # of the error that ended the connection
    read_closed: bool = False
    write_closed: bool = False

    def connection(self) -> TcpEndpoint:
        """The connection; raises ENOTCONN."""
        if self.endpoint is None:
            raise fail(errno.ENOTCONN if self.stream else errno.EOPNOTSUPP)
        return self.endpoint

    def take_error(self) -> int:
        """What ended the connection, once."""
        if self.told or self.endpoint is None or not self.endpoint.error:
            return 0
        self.told = True
        return self.endpoint.error

    def apply(self) -> None:
        """Give the connection the options that were set before it was there."""
        if self.endpoint is None or self.endpoint.state == "CLOSED":
            return
        endpoint, options = self.endpoint, self.options
        endpoint.set_keepalive(options.get("TCP_KEEPIDLE", 7200), options.get("TCP_KEEPINTVL", 75),
                               options.get("TCP_KEEPCNT", 9))
        if "TCP_USER_TIMEOUT" in options:
            endpoint.user_timeout = options["TCP_USER_TIMEOUT"] / 1000
        if "IP_TOS" in options:
            endpoint.tos = options["IP_TOS"]
        for name, attribute in (("TCP_NODELAY", "no_delay"), ("TCP_CORK", "corked"), ("SO_KEEPALIVE", "keepalive")):
            value = bool(options.get(name))
            if value != getattr(endpoint, attribute) or (value and name == "SO_KEEPALIVE"):
                setattr(endpoint, attribute, value)

    def peek(self) -> tuple[bytes, tuple[str, int]] | OSError | None:
        """The next datagram, or error, without taking it."""
        if self.datagram is None and self.udp is not None:
            try:
                self.datagram = self.udp.receive()
            except OSError as error:
                self.datagram = error
        return self.datagram

    def ready(self) -> int:
        """What poll() would say of it."""
        if self.listener is not None:
            return select.POLLIN if self.listener.waiting else 0
        if not self.stream:
            waiting = self.peek()
            return select.POLLOUT | (select.POLLIN if waiting is not None else 0) | (
                select.POLLERR if isinstance(waiting, OSError) else 0)
        if self.endpoint is None:
            return select.POLLOUT | select.POLLHUP
        endpoint, events = self.endpoint, 0
        closed = endpoint.state == "CLOSED" or (endpoint.state == "TIME-WAIT" and endpoint.finished)
        ended = endpoint.finished or self.read_closed or closed
        if endpoint.readable or ended:
            events |= select.POLLIN
        if ended:
            events |= select.POLLRDHUP
        if closed or (endpoint.state not in CONNECTING and (endpoint.writable or self.write_closed)):
            events |= select.POLLOUT
        if endpoint.error and not self.told:
            events |= select.POLLERR
        if closed or (ended and self.write_closed):
            events |= select.POLLHUP
        return events


class Sockets:
    """All sockets of a script, and the connections its packets belong to."""

    def __init__(self, stack: Stack, addresses: Addresses, bind_port: int, connect_port: int) -> None:
        self.stack = stack
        self.addresses = addresses
        self.bind_port = bind_port
        self.connect_port = connect_port
        self.open: dict[int, Socket] = {}
        self.flows: list[Flow] = []
        self.listened = False           # since the last connection began
        self.last: Socket | None = None

    def __getitem__(self, value: object) -> Socket:
        found = self.open.get(number(value))
        if found is None:
            raise fail(errno.EBADF)
        self.last = found
        return found

    # Addresses in arguments

    def address(self, value: object, host: str, port: int) -> tuple[str, int]:
        """A socket address that is written out, or `...`, which stands for the one given."""
        if isinstance(value, Ellipsis3):
            return host, port
        if not isinstance(value, Struct):
            raise Refused(f"expected a socket address, `{{sa_family=AF_INET, …}}` or `...`, not {written(value)}")
        at = value.fields.get("sin_addr", host)
        if isinstance(at, Function) and at.name in ("inet_addr", "inet_pton"):
            at = at.arguments[-1]
        return str(at), number(value.fields.get("sin_port", port))

    # Connections of packets

    def flow_out(self, local_port: int, remote_port: int) -> Flow:
        """The connection of a packet that went out."""
        for flow in reversed(self.flows):
            if (flow.local_port, flow.remote_port) == (local_port, remote_port):
                return flow
        return self.begin(local_port, remote_port)

    def begin(self, local_port: int, remote_port: int) -> Flow:
        """A new connection, which packets that come in belong to from now on."""
        flow = Flow(local_port, remote_port)
        self.flows.append(flow)
        self.listened = False
        return flow

    def flow_in(self, opens: bool) -> Flow:
        """The connection of a packet that comes in; one that `opens`, after listen(), begins a new one."""
        if self.flows and not (opens and self.listened):
            return self.flows[-1]
        port = next(iter(self.listening_ports()), self.bind_port)
        return self.begin(port, FIRST_REMOTE_PORT + len(self.flows))

    def listening_ports(self) -> list[int]:
        """Where sockets listen, the latest first."""
        return [socket.listener.local[1] for socket in reversed(self.open.values()) if socket.listener is not None]

    def close(self) -> None:
        """End whatever is open."""
        for socket in self.open.values():
            if socket.endpoint is not None:
                socket.endpoint.abort()
            if socket.listener is not None:
                socket.listener.close()
            if socket.udp is not None:
                socket.udp.close()
        self.open.clear()
