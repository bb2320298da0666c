"""Servers behave as stock asyncio's do, of whatever Python version this is."""

import asyncio
import gc
import sys
import warnings

import pytest

from tests.aio.loops import Ours, OursUv, Recorder, Stock, every_loop, pair, run, until


@every_loop
def test_a_server_serves_from_start_to_close(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0, start_serving=False)
        address = server.sockets[0].getsockname()
        assert not server.is_serving()
        assert address[1] != 0
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, *address)
        await server.start_serving()
        assert server.is_serving()
        assert server.get_loop() is loop
        _, client = await loop.create_connection(Recorder, *address)
        server.close()
        assert not server.is_serving()
        assert tuple(server.sockets) == ()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, *address)
        client.transport.close()
        await client.lost
        await asyncio.wait_for(server.wait_closed(), 5)

    run(kind, main)


@every_loop
def test_serve_forever_ends_when_cancelled(kind):
    async def main():
        server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0)
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already"):
            await server.serve_forever()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not server.is_serving()

    run(kind, main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients() came with Python 3.13")
@pytest.mark.parametrize("kind", [Stock, Ours, OursUv])
@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
def test_a_server_ends_its_connections(kind, method):
    async def main():
        server, theirs, ours = await pair()
        server.close()
        getattr(server, method)()
        await theirs.lost
        await ours.lost
        await server.wait_closed()

    run(kind, main)


@every_loop
def test_after_a_factory_that_fails_the_next_connection_is_served(kind):
    async def main():
        loop = asyncio.get_running_loop()
        made = []

        def factory():
            made.append(Recorder())
            if len(made) == 1:
                raise ZeroDivisionError
            return made[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        _, first = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        _, second = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        await made[1].made
        await first.lost
        second.transport.close()
        await made[1].lost
        server.close()

    run(kind, main)


@every_loop
def test_a_socket_of_the_programs_own_can_serve_and_connect(kind):
    async def main():
        loop = asyncio.get_running_loop()
        listener = kind.socket()
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        server = await loop.create_server(Recorder, sock=listener)
        sock = kind.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, listener.getsockname())
        transport, protocol = await loop.create_connection(Recorder, sock=sock)
        assert transport.get_extra_info("sockname") == sock.getsockname()
        transport.close()
        await protocol.lost
        server.close()
        with pytest.raises(ValueError, match="can not be specified at the same time"):
            await loop.create_server(Recorder, "127.0.0.1", 0, sock=listener)

    run(kind, main)


@every_loop
def test_a_server_that_nobody_refers_to_serves_on(kind):
    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            gc.collect()
            self.transport.write(data)

    async def main():
        loop = asyncio.get_running_loop()
        address = (await loop.create_server(Echo, "127.0.0.1", 0)).sockets[0].getsockname()
        gc.collect()
        for _ in range(2):
            _, client = await loop.create_connection(Recorder, *address)
            gc.collect()
            client.transport.write(b"x")
            await until(lambda client=client: client.data)
            client.transport.close()
            await client.lost

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(kind, main)
        gc.collect()


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_a_server_that_is_closed_in_its_factory_leaves_nothing_behind(kind):
    """The connection is refused, and no half-made transport lives on in the loop."""
    async def main():
        loop = asyncio.get_running_loop()

        def factory():
            server.close()
            return Recorder()

        server = await loop.create_server(factory, "127.0.0.1", 0)
        _, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        await client.lost
        await asyncio.sleep(0)
        assert not loop.netos_open
        assert [problem["message"] for problem in loop.problems] == [
            "Error on transport creation for incoming connection"]

    run(kind, main)
