"""EchoServer: send back what comes (RFC 862)."""

from __future__ import annotations

from typing import Annotated

from elements.host.connection import Connection
from elements.host.serving import IDLE, Server, ServerPort
from netos.args import Integer, Seconds, Word

RESERVED = 1024         # below are ports of servers: two that answer to anything would never end


class Echo(Connection):
    """Sends back what comes, as fast as the peer reads."""

    def proceed(self) -> None:
        while data := self.receive():
            if not self.send(data):
                return
        if self.over:
            self.close()


class EchoServer(Server):
    """Send back what comes to PORT of a stack, over TCP and UDP.

    At most CONNECTIONS at a time, others are refused; one on which nothing moves for IDLE seconds ends (0: never).
    Datagrams from ports of servers, those below 1024 and its own number, and for several hosts are ignored. Handlers:
    port, connections, accepted, refused, timeouts, bytes_in, bytes_out, ignored (datagrams), lost (datagrams that could
    not be sent) (read), close_connections (write).
    """

    connection = Echo
    datagrams = True

    def configure(self, port: Annotated[int, ServerPort("tcp")] = 7, *, stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle

    def answer(self, data: bytes, source: tuple[str, int]) -> bytes | None:
        if source[1] < RESERVED or source[1] == self.port:
            self.ignored += 1
            return None
        return data
