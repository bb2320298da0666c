"""HostStack and the turns of its virtual CPU: what users do when they are told goes on in the same run, unwoken."""

import select

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.router import Router


def is_readable(descriptor):
    return select.select([descriptor], [], [], 0)[0] != []


class Server:
    """Accepts one connection and answers what comes; `woken`: whether that woke the virtual CPU."""

    def __init__(self, listener, descriptor):
        self.listener, self.endpoint = listener, None
        self.descriptor, self.woken = descriptor, None
        listener.user = self

    def stack_event(self, events):
        if self.endpoint is None:
            self.endpoint = self.listener.accept()
            self.endpoint.user = self
        if data := self.endpoint.receive():
            self.endpoint.send(data.upper())
            self.woken = is_readable(self.descriptor)


class Client:
    """Asks when it is connected; keeps the answer."""

    def __init__(self, endpoint):
        self.endpoint, self.heard, self.asked = endpoint, b"", False
        endpoint.user = self

    def stack_event(self, events):
        if not self.asked:
            self.asked = True
            self.endpoint.send(b"hello")
        self.heard += self.endpoint.receive()


def test_an_answer_within_a_run_wakes_nobody():
    """Each answer would cost the system calls of a wake-up if this broke; or would never go out."""
    router = Router.from_text("Idle -> host :: HostStack -> Idle;").initialize()
    router.cpu.budget = 10**10
    router.cpu.run()
    stack = router["host"].stack
    listener = TcpListener(stack, ("127.0.0.1", 80))
    server = Server(listener, router.cpu.fileno())
    client = Client(TcpEndpoint(stack, ("127.0.0.1", 80)))
    router.cpu.run()
    assert client.heard == b"HELLO"
    assert server.woken is False
    for endpoint in (client.endpoint, server.endpoint, listener):
        endpoint.close()
    router.cpu.run()
    router.close()
