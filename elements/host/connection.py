"""A connection of a server: what comes and goes on it, who has been waited for too long, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netos.proto.endpoints import TcpEndpoint

if TYPE_CHECKING:
    from elements.host.serving import Server

READ_AT_ONCE = 65536


class Connection:
    """One connection of a server. A subclass says what it does in proceed(), called whenever something may be done."""

    def __init__(self, server: Server, endpoint: TcpEndpoint) -> None:
        self.server = server
        self.endpoint = endpoint
        self.waiting = memoryview(b"")      # what the connection has not taken yet
        self.moved_at = server.now
        self.unsent = 0                     # bytes that the peer had not taken when it was looked last
        self.awaited: int | None = None     # since when the rest of a message, or the peer's end, is waited for
        self.finishing = self.expired = False
        endpoint.user = self

    def stack_event(self, events: int) -> None:
        """Something has happened to the connection."""
        endpoint = self.endpoint
        self.moved_at = self.server.now
        try:
            if endpoint.error or endpoint.state == "CLOSED":
                self.abort()
            elif self.give():
                if self.finishing:
                    self.finish()
                else:
                    self.proceed()
        except OSError:
            self.abort()
        except BaseException:
            self.abort()                    # else a fault of proceed() would keep its peer waiting
            raise

    def proceed(self) -> None:
        """Take what has come and send what there is to send; nothing that was sent waits."""
        raise NotImplementedError

    def is_late(self, before: int) -> bool:
        """Whether nothing has moved since then, or that which is awaited has not come, a byte now and then or not."""
        unsent = self.endpoint.unsent
        if unsent != self.unsent:           # the peer takes what was sent; nobody is told of that
            self.unsent, self.moved_at = unsent, self.server.now
        if self.finishing and not unsent and self.awaited is None:
            self.awaited = self.server.now
        return self.moved_at <= before or (self.awaited is not None and self.awaited <= before)

    def receive(self, limit: int = READ_AT_ONCE) -> bytes:
        """What has come."""
        data = self.endpoint.receive(limit)
        self.server.bytes_in += len(data)
        return data

    def send(self, data: bytes | memoryview) -> bool:
        """Send; whether all of it was taken, else proceed() is called when it was."""
        self.waiting = memoryview(data)
        return self.give()

    def give(self) -> bool:
        """Hand over what waits; whether nothing waits any more."""
        if self.waiting:
            taken = self.endpoint.send(self.waiting)
            self.server.bytes_out += taken
            self.waiting = self.waiting[taken:]
        return not self.waiting

    @property
    def over(self) -> bool:
        """Whether the peer will send no more, and all it sent was read."""
        return self.endpoint.finished and not self.endpoint.readable

    def finish(self) -> None:
        """All is said: wait for the peer's end, reading on; bytes that come after a close() would be answered with a
        reset, which may overtake what was sent."""
        if not self.finishing:
            self.finishing = True
            self.endpoint.shutdown()
        while self.receive():
            pass
        if self.over:
            self.close()

    def expire(self) -> None:
        """It is late: end it."""
        self.abort()

    def close(self) -> None:
        """All is said and heard; what was sent still arrives. Until then it is one of the server's connections: else
        who asks and never reads would have as many buffers kept full as he likes."""
        if is_done(self.endpoint):
            self.server.forget(self)
            self.endpoint.close()
        else:
            self.finishing = True
            self.endpoint.shutdown()

    def abort(self) -> None:
        """End it at once."""
        self.server.forget(self)
        self.endpoint.abort()


def is_done(endpoint: TcpEndpoint) -> bool:
    """Whether nothing that was sent is on its way any more."""
    return not endpoint.unsent or bool(endpoint.error) or endpoint.state == "CLOSED"
