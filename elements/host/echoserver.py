"""EchoServer: send back what comes (RFC 862)."""

from __future__ import annotations

from typing import Annotated

from elements.host.serving import IDLE, Connection, Server
from netos.args import Integer, Seconds, Word
from netos.args.named import Port

SMALL_SERVICES = {7, 9, 13, 17, 19}     # ports whose servers answer to anything: two of them would never end


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
    Datagrams from ports of such services are ignored. Handlers: port, connections, accepted, refused, timeouts,
    bytes_in, bytes_out (read), close_connections (write).
    """

    connection = Echo
    datagrams = True

    def configure(self, port: Annotated[int, Port("tcp")] = 7, *, stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle

    def answer(self, data: bytes, source: tuple[str, int]) -> bytes | None:
        return None if source[1] in SMALL_SERVICES else data
