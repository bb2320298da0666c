"""ControlSocket: let other programs read and write handlers (Click's ControlSocket)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated, Any

from netos.args import Bool, ElementName, FileName, Integer, Keyword, Raw
from netos.args.named import Port
from netos.errors import ArgumentError, NetosError
from netos.handlers import Handler
from netos.kernel.console import write_error
from netos.pyelement import PyElement

if TYPE_CHECKING:
    from netos.control.watched import SharedServer

RETRY_AFTER = 1.0       # seconds


class ControlSocket(PyElement):
    """Serve Click's control protocol on a socket: TCP with a PORT (PORT+: or a later one that is free), UNIX with a
    FILENAME, or SOCKET with an FD that was open when the program started.

    READONLY refuses writes; PROXY names an element that is asked for `e.h` instead of e. When the place is taken, it is
    tried again every second, RETRIES times, with a warning each (RETRY_WARNINGS). A TCP socket takes connections from
    this host only, unless LOCALHOST is false (Click's default). VERBOSE says who connects.
    Handlers: port (TCP), filename (UNIX) (read).
    """

    ports = "0/0"
    unreplicable = "it speaks for one graph (netos run has a control socket of its own)"
    observes = False
    shared_server: SharedServer | None = None
    kind = ""

    def configure(self, type: Annotated[str, Keyword], where: Annotated[str, Raw], *,
                  readonly: Annotated[bool, Bool] = False, proxy: Annotated[Any, ElementName] = None,
                  verbose: Annotated[bool, Bool] = False, localhost: Annotated[bool, Bool] = True,
                  retries: Annotated[int, Integer(minimum=0)] = 0,
                  retry_warnings: Annotated[bool, Bool] = True) -> None:
        self.kind = type.upper()
        scope = self.router.scope(self.name)
        if self.kind == "TCP":
            self.further = where.endswith("+")
            self.number = Port("tcp").parse(where.removesuffix("+").strip(), scope)
        elif self.kind == "UNIX":
            where = FileName().parse(where, scope)
        elif self.kind == "SOCKET":
            self.number = Integer(minimum=0).parse(where, scope)
        else:
            raise ArgumentError(f"unknown type of socket '{type}': TCP, UNIX or SOCKET is wanted")
        self.where, self.host = where, "127.0.0.1" if localhost else "0.0.0.0"
        self.readonly, self.proxy, self.verbose = readonly, proxy.name if proxy is not None else "", verbose
        self.retries, self.retry_warnings = retries, retry_warnings

    def initialize(self) -> None:
        from netos.control.sockets import ListenError

        try:
            self.serve()
        except ListenError as error:
            if not error.in_use or not self.retries:
                raise
            self.retry_later(error)

    def serve(self) -> None:
        """Begin; raises ListenError."""
        from netos.control.protocol import Options
        from netos.control.watched import share_server

        place = f"{self.host}:{self.where}" if self.kind == "TCP" else self.where
        if self.kind == "TCP" and not self.number:
            place = self.name           # any port: not another element's
        self.shared_server = share_server(self.cpu, (self.kind, place), self.open, verbose=self.verbose)
        self.shared_server.hold(self.router, Options(readonly=self.readonly, proxy=self.proxy))

    def open(self) -> socket.socket:
        """The socket, which nobody on this virtual CPU has yet."""
        from netos.control.sockets import inherited, listen_tcp, listen_unix

        if self.kind == "TCP":
            return listen_tcp(self.host, self.number, further=self.further)
        return listen_unix(self.where) if self.kind == "UNIX" else inherited(self.number)

    def retry_later(self, error: NetosError) -> None:
        """Say that the place is taken, and try again."""
        self.retries -= 1
        if self.retry_warnings:
            write_error(f"{self.name}: {error}; trying again\n")
        self.schedule_after(RETRY_AFTER)

    def run_timer(self) -> None:
        """Try again."""
        try:
            self.serve()
        except NetosError as error:
            if self.retries > 0:
                self.retry_later(error)
            else:
                write_error(f"{self.name}: {error}; giving up\n")

    def cleanup(self) -> None:
        if self.shared_server is not None:
            self.shared_server.release(self.router)
            self.shared_server = None

    def extra_handlers(self) -> list[Handler]:
        """Where it listens."""
        return [Handler("port", lambda _: self.port())] if self.kind == "TCP" else \
            [Handler("filename", lambda _: self.where)] if self.kind == "UNIX" else []

    def port(self) -> str:
        """The TCP port it got."""
        found: Any = self.shared_server and self.shared_server.socket.getsockname()
        return str(found[1]) if found else ""
