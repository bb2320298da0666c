"""Programs that make their sockets themselves and have the loop connect them, as aiohttp's client: stock is the oracle.

The servers are the loop's, on 127.0.0.1: what reached the machine's own 127.0.0.1 would be refused there.
"""

import asyncio
import contextlib
import gc
import socket
import struct

import pytest

import netos.aio
from netos.aio.own_sockets import Adopted
from netos.aio.sockets import StackSocket
from netos.aio.uv import UvEventLoop
from tests.aio.loops import Ours, Recorder, Stock, run, until


class Loop(Adopted, netos.aio.EventLoop):
    """What a program under netos exec has."""


class UvLoop(Adopted, UvEventLoop):
    """The same of uvloop."""


class Exec(Ours):
    factory = Loop


class ExecUv(Ours):
    factory = UvLoop


every_loop = pytest.mark.parametrize("kind", [Stock, Exec, ExecUv])


def own(type=socket.SOCK_STREAM, family=socket.AF_INET):
    sock = socket.socket(family, type)
    sock.setblocking(False)
    return sock


async def served():
    """A server's protocols, and its address."""
    protocols = []

    def factory():
        protocols.append(Recorder())
        return protocols[-1]

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    return server, protocols, server.sockets[0].getsockname()


@every_loop
def test_a_connected_socket_speaks_by_the_loop_and_by_itself(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server, protocols, address = await served()
        sock = own()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, address)
        assert sock.getpeername() == address
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await until(lambda: protocols and protocols[0].made.done())
        assert protocols[0].transport.get_extra_info("peername") == sock.getsockname()
        await loop.sock_sendall(sock, b"by the loop, ")
        assert sock.send(b"by itself") == 9
        await until(lambda: len(protocols[0].data) == 22)
        protocols[0].transport.write(b"answer")
        assert await loop.sock_recv(sock, 3) == b"ans"
        assert await loop.sock_recv_into(sock, bytearray(10)) == 3
        sock.close()
        assert await protocols[0].lost is None
        server.close()

    run(kind, main)


@every_loop
def test_a_connected_socket_becomes_a_transport(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server, protocols, address = await served()
        sock = own()
        await loop.sock_connect(sock, address)
        transport, protocol = await loop.create_connection(Recorder, sock=sock)
        assert transport.get_extra_info("peername") == address
        del sock
        gc.collect()
        transport.write(b"hello")
        await until(lambda: protocols and protocols[0].data == b"hello")
        transport.close()
        await protocol.lost
        await protocols[0].lost
        server.close()

    run(kind, main)


@every_loop
def test_options_that_were_set_before_have_their_effect(kind):
    """Who lingers for no time means the reset."""
    async def main():
        loop = asyncio.get_running_loop()
        server, protocols, address = await served()
        sock = own()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
        await loop.sock_connect(sock, address)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x10
        await until(lambda: protocols and protocols[0].made.done())
        sock.close()
        assert isinstance(await protocols[0].lost, ConnectionResetError)
        server.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Exec, ExecUv])
def test_a_refused_socket_may_try_again(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server, _, address = await served()
        sock = own()
        with pytest.raises(ConnectionRefusedError):
            await loop.sock_connect(sock, ("127.0.0.1", 1))
        await loop.sock_connect(sock, address)
        assert sock.getpeername() == address
        sock.close()
        server.close()

    run(kind, main)


@every_loop
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_forgotten_socket_ends_its_connection_at_once(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server, protocols, address = await served()
        sock = own()
        await loop.sock_connect(sock, address)
        await until(lambda: protocols and protocols[0].made.done())
        gc.disable()
        try:
            del sock
            await protocols[0].lost
        finally:
            gc.enable()
        server.close()

    run(kind, main)


@every_loop
def test_datagrams_of_an_own_socket(kind):
    async def main():
        loop = asyncio.get_running_loop()
        heard = loop.create_future()

        class Hears(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                heard.set_result((data, address))

        server, _ = await loop.create_datagram_endpoint(Hears, ("127.0.0.1", 0))
        sock = own(socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        local = sock.getsockname()
        await loop.sock_connect(sock, server.get_extra_info("sockname"))
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
        transport.sendto(b"x")
        assert await heard == (b"x", local)
        transport.close()
        server.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Exec, ExecUv])
def test_what_stays_on_the_hosts_network_is_said_once(kind, capsys):
    async def main():
        loop = asyncio.get_running_loop()
        listener = own()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        await loop.sock_accept(listener)
        client.setblocking(False)
        transport, _ = await loop.create_connection(Recorder, sock=client)
        transport.close()
        (await loop.create_server(Recorder, sock=listener)).close()
        other = own(family=socket.AF_INET6)
        with contextlib.suppress(OSError):
            await loop.sock_connect(other, ("::1", 1))
        other.close()
        one, _two = socket.socketpair()
        one.setblocking(False)
        (await loop.create_connection(Recorder, sock=one))[0].close()
        stack = StackSocket(host=loop.netos_host)
        stack.bind(("127.0.0.1", 0))
        (await loop.create_server(Recorder, sock=stack)).close()
        await asyncio.sleep(0.01)

    run(kind, main)
    serves, connects, sixth = capsys.readouterr().err.splitlines()
    assert "serves on a socket of its own, ('127.0.0.1'" in serves
    assert "connects by a socket of its own" in connects
    assert "have it give host and port to create_connection() instead" in connects
    assert "IPv4 socket instead" in sixth
