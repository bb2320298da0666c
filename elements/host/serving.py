"""What elements that serve a port of a stack have in common: the port, the connections, limits, counts.

They are called by events of the stack, between two batches, and need no event loop of their own: they work the same
under netos run, netos click and in virtual time.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

from elements.host.connection import Connection
from elements.host.stacks import NamedStack, stack_of
from netos.args.named import Port
from netos.args.numbers import check_range
from netos.args.scope import EMPTY_SCOPE, Scope
from netos.errors import NetosError
from netos.handlers import read_handler, write_handler
from netos.proto.endpoints import TcpListener
from netos.proto.udp_endpoint import UdpEndpoint
from netos.pyelement import PyElement

IDLE = 60_000_000_000               # nanoseconds
TURN = 8                            # requests or datagrams that are answered, in a millisecond, before others go on
ANSWERING = {7, 13, 17, 19, 37}     # ports of services that answer to anything, also to an answer


class ServerPort(Port):
    """A port that others can name: not 0."""

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        return super().parse(text, scope) or check_range(0, 1, self.maximum)


class Server(PyElement):
    """The base of elements that serve; `port` is what configure() was told."""

    abstract = True
    ports = "0/0"
    observes = False
    phase = 110                 # when the HostStacks are there
    unreplicable = "a port is served on the stack of one virtual CPU"
    counts = ("accepted", "bytes_in", "bytes_out", "timeouts", "refused", "ignored", "lost")
    handlers: ClassVar[tuple[str, ...]] = ("port", *counts)
    connection: ClassVar[type[Connection] | None] = None        # none: no TCP
    datagrams = False           # whether it serves UDP
    named: NamedStack | None = None
    standing = False

    def bind(self, *arguments: Any) -> None:
        """Begin with nothing."""
        super().bind(*arguments)
        self.connections: set[Any] = set()
        self.unfinished: dict[Any, None] = {}           # whose turn is to go on, in order
        self.watching = False
        self.accepted = self.bytes_in = self.bytes_out = self.timeouts = self.refused = self.ignored = self.lost = 0
        self.limit, self.idle = 1024, IDLE
        self.stack_name, self.port = "default", 0
        self.active = True

    @property
    def now(self) -> int:
        """The time, in nanoseconds."""
        return int(self.cpu.now)

    @property
    def protocols(self) -> list[str]:
        """What it serves the port on."""
        return [*(["tcp"] if self.connection is not None else []), *(["udp"] if self.datagrams else [])]

    # Its life, beside that of other graphs

    def initialize(self) -> None:
        self.named = self.stack_for(self.stack_name, "STACK")
        if self.active:
            self.open()

    def stack_for(self, name: str, argument: str) -> NamedStack:
        """The stack of that name, until leave(); raises NetosError when it has no interface in this graph."""
        found = stack_of(self.cpu, name, self)
        if any(getattr(other, "stack", None) is found.stack for other in self.router.order):
            return found
        if found is not self.named:
            found.leave(self)
        raise NetosError(f"no HostStack brings packets to the stack {name}: put one where packets for this host arrive,"
                         f" {'' if name == 'default' else f'STACK {name}, '}or name its stack here with {argument}")

    def open(self) -> None:
        """Serve the port."""
        assert self.named is not None
        for protocol in self.protocols:
            self.named.hold_port(protocol, self.port, self)

    def suspend(self) -> None:
        super().suspend()
        self.unschedule()
        self.watching = False
        self.standing = True

    def resume(self) -> None:
        self.standing = False
        if self.active:
            self.open()
        super().resume()
        self.watch()

    def take_state(self, old: Server) -> None:
        """Go on with the connections and counts of the element before."""
        for name in Server.counts:
            setattr(self, name, getattr(old, name))
        if not self.continues(old):
            return
        for each in old.connections:
            each.server = self
        self.connections |= old.connections
        old.connections.clear()
        for each in old.unfinished:
            self.again(each)
        old.unfinished.clear()
        self.watch()

    def continues(self, old: Server) -> bool:
        """Whether its connections can go on here: those on another stack end with that."""
        return old.named is self.named

    def cleanup(self) -> None:
        if self.named is None:
            return
        for each in list(self.connections):
            each.abort()
        self.unfinished.clear()
        for protocol in self.protocols:
            self.named.leave_port(protocol, self.port, self)
        self.named.leave(self)
        self.named = None

    # What happens

    def port_event(self, endpoint: TcpListener | UdpEndpoint) -> None:
        """Somebody has connected, or a datagram has come."""
        if self.standing:                       # the graph that runs has no such server: this one waits to come back
            refuse(endpoint)
        elif isinstance(endpoint, UdpEndpoint):
            self.take_datagrams(endpoint)
        else:
            self.accept(endpoint)

    def accept(self, listener: TcpListener) -> None:
        """Take connections; those beyond the limit are refused."""
        assert self.connection is not None
        while (endpoint := listener.accept()) is not None:
            if len(self.connections) >= self.limit:
                self.refused += 1
                endpoint.abort()
                continue
            self.accepted += 1
            try:
                made = self.connection(self, endpoint)
                self.connections.add(made)
                made.stack_event(0)
            except Exception as error:      # one connection's trouble is not another's
                self.router.event_failed(self, error)
        self.watch()

    def take_datagrams(self, port: UdpEndpoint) -> None:
        """Answer the datagrams that have come, some of them now."""
        for _ in range(TURN):
            try:
                found = port.receive()
            except OSError as error:
                if error.errno == errno.EBADF:      # the port is closed
                    return
                continue
            if found is None:
                return
            data, source = found
            self.bytes_in += len(data)
            if port.destination is None or source[1] in ANSWERING:
                self.ignored += 1           # all of several hosts would answer, perhaps somebody who never asked
                continue
            answer = self.answer(data, source)
            if answer is None:
                continue
            try:
                port.send(answer, source, port.destination)
                self.bytes_out += len(answer)
            except OSError:                 # the way back is closed, or has no room
                self.lost += 1
        self.again(port.user)

    def again(self, each: Any) -> None:
        """Have each.stack_event() called once more, when others have had their turn."""
        self.unfinished[each] = None
        self.schedule_task()

    def run_task(self) -> bool:
        """Go on with one of those that are not finished."""
        if self.unfinished:
            each = next(iter(self.unfinished))
            del self.unfinished[each]
            try:
                each.stack_event(0)
            except Exception as error:
                self.router.event_failed(self, error)
        return bool(self.unfinished)

    def answer(self, data: bytes, source: tuple[str, int]) -> bytes | None:
        """The answer to a datagram."""
        return None

    def forget(self, connection: Any) -> None:
        """A connection is over."""
        self.connections.discard(connection)
        self.unfinished.pop(connection, None)

    @property
    def period(self) -> float:
        """How often idle connections are looked for, in seconds; 0: never."""
        return max(self.idle / 4e9, 0.1) if self.idle else 0

    def watch(self) -> None:
        """Look for idle connections now and then, while there are any. Who comes does not put it off."""
        if self.connections and self.period and not self.watching:
            self.watching = True
            self.schedule_after(self.period)

    def run_timer(self) -> None:
        """End connections on which nothing has moved for too long."""
        self.watching = False
        before = self.now - self.idle
        for each in [each for each in self.connections if self.idle and each.is_late(before)]:
            self.timeouts += not each.expired       # ending in order it may be late once more
            each.expired = True
            try:
                each.expire()
            except OSError:                         # it has been reset, and is not told of that yet
                each.abort()
        self.watch()

    # Handlers

    @read_handler("connections")
    def count(self) -> int:
        """Connections that are open."""
        return len(self.connections)

    @write_handler
    def close_connections(self) -> None:
        """End all connections."""
        for each in list(self.connections):
            each.abort()


def refuse(endpoint: TcpListener | UdpEndpoint) -> None:
    """Let nobody have what has come to a port."""
    if isinstance(endpoint, TcpListener):
        while (found := endpoint.accept()) is not None:
            found.abort()
        return
    while endpoint.receive() is not None:
        pass
