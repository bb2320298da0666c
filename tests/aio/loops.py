"""The event loops that tests of asyncio's behaviour run over: stock asyncio's is the oracle of ours."""

import asyncio
import socket

import pytest

import netos.aio
from netos.aio.uv import UvEventLoop


class Stock:
    """asyncio over the host's sockets."""

    factory = asyncio.SelectorEventLoop
    socket = socket.socket


class Ours:
    """netos's loop over asyncio's."""

    factory = netos.aio.EventLoop
    socket = netos.aio.socket


class OursUv(Ours):
    """netos's loop over uvloop's."""

    factory = UvEventLoop


def run(kind, main, **options):
    """Run a coroutine function with the loop, on a host of its own; unhandled errors of callbacks are its result's."""
    with netos.aio.Host(), asyncio.Runner(loop_factory=kind.factory, **options) as runner:
        loop = runner.get_loop()
        loop.problems = []
        loop.set_exception_handler(lambda _, context: loop.problems.append(context))
        return runner.run(asyncio.wait_for(main(), 10))


every_loop = pytest.mark.parametrize("kind", [Stock, Ours, OursUv])


class Recorder(asyncio.Protocol):
    """Writes down what happens to it."""

    def __init__(self):
        self.events = []
        self.data = b""
        loop = asyncio.get_running_loop()
        self.made, self.lost, self.ended = loop.create_future(), loop.create_future(), loop.create_future()
        self.keep_open = False

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")
        self.made.set_result(transport)

    def data_received(self, data):
        self.data += data
        if self.events[-1:] != ["data"]:
            self.events.append("data")

    def eof_received(self):
        self.events.append("eof")
        self.ended.set_result(None)
        return self.keep_open

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, error):
        self.events.append("lost" if error is None else type(error).__name__)
        self.lost.set_result(error)


async def pair(server_side=Recorder, client_side=Recorder):
    """A server, and the protocols of both ends of one connection to it."""
    loop = asyncio.get_running_loop()
    accepted = []

    def factory():
        accepted.append(server_side())
        return accepted[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    _, client = await loop.create_connection(client_side, *server.sockets[0].getsockname())
    while not accepted or not accepted[0].made.done():
        await asyncio.sleep(0)
    return server, accepted[0], client


async def until(condition):
    """Wait for a condition."""
    while not condition():
        await asyncio.sleep(0)
