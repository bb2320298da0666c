"""DiscardServer: take what comes and forget it (RFC 863)."""

from __future__ import annotations

from typing import Annotated

from elements.host.connection import Connection
from elements.host.serving import IDLE, Server, ServerPort
from netos.args import Integer, Seconds, Word


class Discarding(Connection):
    """Forgets what comes."""

    def proceed(self) -> None:
        while self.receive():
            pass
        if self.over:
            self.close()


class DiscardServer(Server):
    """Take what comes to PORT of a stack, over TCP and UDP, and forget it.

    At most CONNECTIONS at a time, others are refused; one on which nothing moves for IDLE seconds ends (0: never).
    Handlers: port, connections, accepted, refused, timeouts, bytes_in (read), close_connections (write).
    """

    connection = Discarding
    datagrams = True

    def configure(self, port: Annotated[int, ServerPort("tcp")] = 9, *, stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle
