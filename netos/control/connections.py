"""The control protocol on non-blocking sockets, whoever waits for them: an asyncio loop or a virtual CPU.

No client can hold up anybody: a call does a bounded number of commands, nothing is read from a client that has not
taken its answers yet, and one that does not take them for some seconds is disconnected.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from netos.control.access import Access
from netos.control.protocol import UNSPECIFIED, ControlProtocol, Options, message
from netos.control.sockets import close_listening, is_listening

CONNECTIONS_MAX = 64
COMMANDS_A_CALL = 32
TIME_A_CALL = 0.001             # seconds after which no further command is begun
ACCEPTS_A_CALL = 8
OUTPUT_ENOUGH = 1 << 16         # bytes of answers after which the client has to read first
PATIENCE = 10.0                 # seconds a client may take to take something of what waits for it
TENDING = 2.0                   # seconds between looks at what clients left behind
PAUSE = 1.0                     # seconds to leave a listening socket alone that cannot accept

log = logging.getLogger("netos.control")


class Watch(Protocol):
    """Something that calls a function while a descriptor is ready for what is wanted."""

    def want(self, readable: bool, writable: bool) -> None:
        """Wait for this from now on."""

    def close(self) -> None:
        """Call nothing any more."""


class Clock(Protocol):
    """Something that calls a function once, after a while."""

    def set(self, seconds: float) -> None:
        """Call that many seconds from now."""

    def cancel(self) -> None:
        """Do not call after all."""


class Reactor(Protocol):
    """Who waits for sockets and time."""

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Watch:
        """Call while the descriptor is readable, until told otherwise."""

    def alarm(self, callback: Callable[[], object]) -> Clock:
        """A clock that has not been set."""


class Connection:
    """One client."""

    def __init__(self, server: ControlServer, client: socket.socket) -> None:
        self.server = server
        self.socket = client
        self.protocol = ControlProtocol(server.access, server.options)
        self.output = bytearray(self.protocol.greeting)
        self.idle = True                # nothing can be answered until more has been received
        self.stalled = 0                # sweeps without the client taking anything
        client.setblocking(False)
        server.connections.add(self)
        self.watch = server.reactor.watch(client.fileno(), self.ready)
        self.guarded(self.send)

    def ready(self) -> None:
        """Go on: send, answer, and only then read."""
        self.guarded(self.go_on)

    def guarded(self, step: Callable[[], None]) -> None:
        """Do something with the socket; a client that has gone is forgotten."""
        try:
            step()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
        if self.socket.fileno() < 0:
            return
        if not self.output and self.protocol.closed:
            self.close()
        else:
            waiting = bool(self.output) or not self.idle
            self.watch.want(not waiting, waiting)
            if self.output:
                self.server.begin_sweeping()

    def go_on(self) -> None:
        """One bounded step."""
        if self.output:
            self.send()
        elif self.idle:
            data = self.socket.recv(1 << 16)
            if not data:
                self.close()
                return
            self.protocol.receive(data)
            self.idle = False
        if not self.output:
            self.answer()

    def answer(self) -> None:
        """Carry out commands, a bounded number of them, and send the answers."""
        end = time.monotonic() + TIME_A_CALL
        for _ in range(COMMANDS_A_CALL):
            answer = self.protocol.answer()
            if answer is None:
                self.idle = True
                break
            self.output += answer
            if len(self.output) >= OUTPUT_ENOUGH or time.monotonic() >= end:
                break
        self.server.begin_tending()
        if self.socket.fileno() >= 0 and self.output:
            self.send()

    def send(self) -> None:
        """Send what the client takes."""
        sent = self.socket.send(self.output)
        del self.output[:sent]
        self.stalled = 0

    def close(self) -> None:
        """Forget the client."""
        if self.socket.fileno() >= 0:
            self.watch.close()
            self.socket.close()
        if self in self.server.connections:
            self.server.connections.discard(self)
            for leave in self.server.access.leavers:
                leave(self.protocol)


def keep_alive(client: socket.socket) -> None:
    """Have the kernel find out when the machine at the other end is gone, within some seconds."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)


class ControlServer:
    """Serves an appliance's handlers on sockets that listen, or are connections already; closes them at its end."""

    def __init__(self, access: Access, sockets: Sequence[socket.socket], reactor: Reactor,
                 options: Options | None = None, verbose: bool = False) -> None:
        self.access = access
        self.reactor = reactor
        self.options = options if options is not None else Options()
        self.verbose = verbose
        self.connections: set[Connection] = set()
        self.refused = 0
        self.disconnected = 0           # clients that did not take their answers
        self.sockets = [given for given in sockets if is_listening(given)]
        self._watches = [reactor.watch(given.fileno(), lambda given=given: self.accept(given))  # type: ignore[misc]
                         for given in self.sockets]
        self._sweeper = reactor.alarm(self.sweep)
        self._resumer = reactor.alarm(self.resume)
        self._tender = reactor.alarm(self.tend)
        self._sweeping = self._tending = False
        for given in sockets:
            if given not in self.sockets:
                Connection(self, given)

    def accept(self, listening: socket.socket) -> None:
        """Take the connections that wait, a bounded number of them."""
        for _ in range(ACCEPTS_A_CALL):
            try:
                client, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("control: cannot take a connection: %s", error.strerror)
                for watch in self._watches:
                    watch.want(False, False)
                self._resumer.set(PAUSE)
                return
            if len(self.connections) >= CONNECTIONS_MAX:
                self.refused += 1
                client.setblocking(False)
                try:
                    client.send(message(UNSPECIFIED, f"There are {CONNECTIONS_MAX} connections already: close one"))
                except OSError:
                    pass
                client.close()
                continue
            if client.family != socket.AF_UNIX:
                keep_alive(client)
            if self.verbose:
                log.warning("control: connection from %s", address or "a UNIX socket")
            Connection(self, client)

    def resume(self) -> None:
        """Accept connections again."""
        for watch in self._watches:
            watch.want(True, False)

    def begin_sweeping(self) -> None:
        """Look after clients that do not take their answers; nothing is looked at while there are none."""
        if not self._sweeping:
            self._sweeping = True
            self._sweeper.set(PATIENCE / 2)

    def sweep(self) -> None:
        """Disconnect those whose patience has ended."""
        self._sweeping = False
        for connection in [connection for connection in self.connections if connection.output]:
            connection.stalled += 1
            if connection.stalled > 2:
                self.disconnected += 1
                log.warning("control: a client that does not read its answers was disconnected")
                connection.close()
            else:
                self.begin_sweeping()

    def begin_tending(self) -> None:
        """Have what clients began looked after, as long as there is any."""
        if not self._tending and any(tend() for tend in self.access.tenders):
            self._tending = True
            self._tender.set(TENDING)

    def tend(self) -> None:
        """Look, and look again later if there is reason to."""
        self._tending = False
        self.begin_tending()

    def close(self) -> None:
        """Stop listening, and disconnect everybody."""
        for watch in self._watches:
            watch.close()
        self._watches = []
        for clock in (self._sweeper, self._resumer, self._tender):
            clock.cancel()
        for connection in list(self.connections):
            connection.close()
        for listening in self.sockets:
            close_listening(listening)
        self.sockets = []
