"""ChargenServer: send characters for as long as somebody takes them (RFC 864)."""

from __future__ import annotations

from typing import Annotated

from elements.host.connection import Connection
from elements.host.serving import IDLE, Server, ServerPort
from netos.args import Integer, Seconds, Word

CHARACTERS = bytes(range(32, 127))
LINE = 72
PATTERN = b"".join((CHARACTERS * 2)[start:start + LINE] + b"\r\n" for start in range(len(CHARACTERS)))


class Generating(Connection):
    """Sends lines of characters as fast as the peer reads, until it closes; what comes is forgotten."""

    def proceed(self) -> None:
        while self.receive():
            pass
        if self.over:
            self.close()
            return
        while self.send(PATTERN):
            pass


class ChargenServer(Server):
    """Send lines of characters to whoever connects to PORT of a stack, over TCP, until he closes.

    There is no UDP: a server that answers a small datagram with a large one attacks others for whoever lies about his
    address. At most CONNECTIONS at a time, others are refused; one that takes nothing for IDLE seconds ends (0: never).
    Handlers: port, connections, accepted, refused, timeouts, bytes_in, bytes_out (read), close_connections (write).
    """

    connection = Generating

    def configure(self, port: Annotated[int, ServerPort("tcp")] = 19, *, stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle
