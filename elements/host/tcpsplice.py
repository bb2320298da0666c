"""TcpSplice: a TCP proxy: each connection to a port is joined to one with a server behind."""

from __future__ import annotations

from typing import Annotated

from elements.host.connection import is_done
from elements.host.serving import IDLE, Server, ServerPort
from elements.host.stacks import NamedStack
from netos.args import Bool, Integer, IPv4, Raw, Seconds, Word
from netos.errors import ArgumentError
from netos.handlers import read_handler
from netos.proto.endpoints import TcpEndpoint, TcpListener, move

CONNECTING = 10.0       # seconds that a server has for the handshake


class Joined:
    """Two connections, each of which sends what the other receives; bytes go from ring to ring, not through Python."""

    def __init__(self, server: TcpSplice, client: TcpEndpoint, target: TcpEndpoint) -> None:
        self.server = server
        self.client, self.target = client, target
        self.begun_at = self.moved_at = server.now
        self.established = self.ending = self.expired = False
        self.unsent = 0, 0              # bytes that each peer had not taken when it was looked last
        client.no_delay = target.no_delay = True
        client.user = target.user = self

    def stack_event(self, events: int) -> None:
        """Something has happened to one of the two."""
        client, target = self.client, self.target
        if self.ending:
            self.close()
            return
        if client.error or target.error:
            self.server.failures += 1 if target.error and not self.established else 0
            self.abort()
            return
        if not self.established:
            if target.state == "SYN-SENT":
                return
            self.established = True
        try:
            moved_in, moved_out = move(client, target), move(target, client)
            if moved_in or moved_out:
                self.moved_at = self.server.now
            self.server.bytes_in += moved_in
            self.server.bytes_out += moved_out
            for source, sink in ((client, target), (target, client)):
                if source.finished and not source.readable:
                    sink.shutdown()             # half-closed: the other way may go on
            if client.finished and target.finished and not client.readable and not target.readable:
                self.close()
        except OSError:
            self.abort()

    def is_late(self, before: int) -> bool:
        """Whether nothing has moved since then."""
        unsent = self.client.unsent, self.target.unsent
        if unsent != self.unsent:
            self.unsent, self.moved_at = unsent, self.server.now
        return self.moved_at <= before

    def expire(self) -> None:
        """It is late: end it."""
        self.abort()

    def close(self) -> None:
        """Both ends are said and heard; each connection is kept until what was sent on it has arrived."""
        self.ending = True
        for each in (self.client, self.target):
            if is_done(each):
                each.close()
        if is_done(self.client) and is_done(self.target):
            self.server.forget(self)

    def abort(self) -> None:
        """End both at once."""
        self.server.forget(self)
        self.client.abort()
        self.target.abort()


class TcpSplice(Server):
    """Take TCP connections to PORT of a stack, and join each to a new one to TARGET, ADDRESS:PORT.

    Bytes go from one to the other no faster than they are read there; the end of one direction is passed on, and the
    other goes on; when one connection is reset, so is the other. VIA is the stack whose interfaces lead to TARGET, if
    it is not STACK. At most CONNECTIONS at a time, others are refused; one on which nothing moves for IDLE seconds ends
    (0: never), and one whose server does not answer within ten.
    Handlers: port, target, connections, accepted, refused, failures (servers that did not take a connection), timeouts,
    bytes_in, bytes_out (read), close_connections (write).
    """

    connection = None
    handlers = (*Server.handlers, "failures")
    via: NamedStack | None = None

    def configure(self, port: Annotated[int, ServerPort("tcp")], target: Annotated[str, Raw], *,
                  stack: Annotated[str, Word] = "default", via: Annotated[str, Word] = "",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE, active: Annotated[bool, Bool] = True) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle
        self.via_name, self.active = via or stack, active
        address, colon, number = target.strip().rpartition(":")
        if not colon:
            raise ArgumentError(f"'{target}' is no ADDRESS:PORT", "TARGET")
        scope = self.router.scope(self.name)
        self.to = str(IPv4().parse(address, scope)), ServerPort("tcp").parse(number, scope)
        self.failures = 0

    @property
    def protocols(self) -> list[str]:
        return ["tcp"]

    def initialize(self) -> None:
        super().initialize()
        self.via = self.stack_for(self.via_name, "VIA")

    def cleanup(self) -> None:
        super().cleanup()
        if self.via is not None:
            self.via.leave(self)
            self.via = None

    def take_state(self, old: Server) -> None:
        super().take_state(old)
        if isinstance(old, TcpSplice):
            self.failures = old.failures

    def continues(self, old: Server) -> bool:
        return super().continues(old) and isinstance(old, TcpSplice) and old.via is self.via

    def accept(self, listener: TcpListener) -> None:
        assert self.via is not None
        while (client := listener.accept()) is not None:
            if len(self.connections) >= self.limit:
                self.refused += 1
                client.abort()
                continue
            self.accepted += 1
            try:
                target = TcpEndpoint(self.via.stack, self.to)
            except OSError:                 # no way there, or no memory
                self.failures += 1
                client.abort()
                continue
            joined = Joined(self, client, target)
            self.connections.add(joined)
            joined.stack_event(0)
        self.watch()

    @property
    def period(self) -> float:
        return min(super().period or CONNECTING, CONNECTING / 4)

    def run_timer(self) -> None:
        late = self.now - int(CONNECTING * 1e9)
        for each in [each for each in self.connections if not each.established and each.begun_at <= late]:
            self.failures += 1
            each.abort()
        super().run_timer()

    @read_handler("target")
    def target_text(self) -> str:
        """Where connections are joined to."""
        return "{}:{}".format(*self.to)
