"""Datagram transports behave as stock asyncio's do: over the host's sockets, the oracle, and over ours."""

import asyncio
import errno
import socket

import pytest

from tests.aio.loops import Ours, OursUv, every_loop, run, until


class Recorder(asyncio.DatagramProtocol):
    """Writes down what happens to it."""

    def __init__(self):
        self.received, self.errors = [], []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.received.append((data, addr))

    def error_received(self, error):
        self.errors.append(error)

    def connection_lost(self, error):
        self.lost.set_result(error)


async def opened(**options):
    return await asyncio.get_running_loop().create_datagram_endpoint(Recorder, **options)


@every_loop
def test_question_and_answer(kind):
    async def main():
        server, heard = await opened(local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        client, answered = await opened(remote_addr=address)
        assert client.get_extra_info("peername") == address
        assert client.get_extra_info("socket").type == socket.SOCK_DGRAM
        client.sendto(b"hello")
        client.sendto(memoryview(b"there"), address)
        await until(lambda: len(heard.received) == 2)
        assert [data for data, _ in heard.received] == [b"hello", b"there"]
        source = heard.received[0][1]
        assert source[1] == client.get_extra_info("sockname")[1]
        server.sendto(bytes(9000), source)
        await until(lambda: answered.received)
        assert answered.received == [(bytes(9000), address)]
        with pytest.raises(ValueError, match="Invalid address"):
            client.sendto(b"x", ("127.0.0.1", 1))
        with pytest.raises(TypeError, match="bytes-like"):
            client.sendto("text")
        client.close()
        assert client.is_closing()
        client.close()
        server.abort()
        assert (await answered.lost, await heard.lost) == (None, None)

    run(kind, main)


@every_loop
def test_a_connected_endpoint_knows_its_own_address(kind):
    """Who asks which address the host has towards another was told 0.0.0.0."""
    async def main():
        server, heard = await opened(local_addr=("127.0.0.1", 0))
        client, answered = await opened(remote_addr=server.get_extra_info("sockname"))
        own = client.get_extra_info("sockname")
        assert own[0] == client.get_extra_info("socket").getsockname()[0] == "127.0.0.1"
        server.sendto(b"you?", own)
        await until(lambda: answered.received)
        client.sendto(b"me")
        await until(lambda: heard.received)
        assert heard.received == [(b"me", own)]
        for transport in (client, server):
            transport.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_a_remote_without_a_route_fails_when_it_is_named(kind):
    """As on a machine without a network; a transport was made that could send nothing."""
    async def main():
        with pytest.raises(OSError) as caught:
            await opened(remote_addr=("192.0.2.1", 9))
        assert caught.value.errno == errno.ENETUNREACH

    run(kind, main)


@every_loop
def test_nobody_there_is_told_as_an_error(kind):
    async def main():
        server, heard = await opened(local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        server.close()
        await heard.lost
        client, told = await opened(remote_addr=address)
        client.sendto(b"x")
        await until(lambda: told.errors)
        assert isinstance(told.errors[0], ConnectionRefusedError)
        client.close()
        await told.lost

    run(kind, main)


@every_loop
def test_misuse_raises_what_asyncio_raises(kind):
    async def main():
        server, _ = await opened(local_addr=("127.0.0.1", 0))
        with pytest.raises(ValueError):
            await opened()
        with pytest.raises(OSError, match="in use"):
            await opened(local_addr=server.get_extra_info("sockname"))
        with kind.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.setblocking(False)
            with pytest.raises(ValueError, match="was expected"):
                await opened(sock=stream)
        server.close()

    run(kind, main)


@every_loop
def test_who_broadcasts_hears_whoever_answers(kind):
    """A question to all is answered by others than "all": the endpoint is not connected, it has where to send to."""
    async def main():
        server, heard = await opened(local_addr=("127.0.0.1", 0))
        other, _ = await opened(local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        client, answered = await opened(remote_addr=address, allow_broadcast=True)
        assert client.get_extra_info("peername") is None
        with pytest.raises(ValueError, match="Invalid address"):
            client.sendto(b"x", other.get_extra_info("sockname"))
        client.sendto(b"who is there?")
        await until(lambda: heard.received)
        other.sendto(b"I am", heard.received[0][1])
        await until(lambda: answered.received)
        assert answered.received == [(b"I am", other.get_extra_info("sockname"))]
        for transport in (server, other, client):
            transport.close()

    run(kind, main)


@every_loop
def test_the_largest_datagram(kind):
    async def main():
        server, heard = await opened(local_addr=("127.0.0.1", 0))
        client, told = await opened(remote_addr=server.get_extra_info("sockname"))
        client.sendto(bytes(65508))
        assert [error.errno for error in told.errors] == [errno.EMSGSIZE]
        client.sendto(bytes(65507))
        await until(lambda: heard.received)
        assert len(heard.received[0][0]) == 65507
        client.close()
        server.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_a_socket_closed_under_its_transport_ends_it(kind):
    """It has no descriptor that would be found closed: the transport must not ask it for ever."""
    async def main():
        sock = kind.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
        _, heard = await opened(sock=sock)
        heard.datagram_received = lambda *datagram: sock.close()
        client, _ = await opened(remote_addr=address)
        client.sendto(b"x")
        assert (await heard.lost).errno == errno.EBADF
        client.close()

    run(kind, main)
