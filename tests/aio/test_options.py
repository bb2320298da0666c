"""Socket options: the host's sockets are the oracle of what can be set and got, the stack's endpoints of the effect."""

import asyncio
import errno
import socket
import struct

import pytest

import netos.aio
from netos.proto.endpoints import TcpEndpoint
from tests.aio.loops import Recorder, every_loop, run

TCP, SOCKET, IP = socket.IPPROTO_TCP, socket.SOL_SOCKET, socket.IPPROTO_IP


@every_loop
def test_what_is_set_is_got(kind):
    with netos.aio.Host(), kind.socket() as sock:
        for level, option, value in ((TCP, socket.TCP_NODELAY, 1), (SOCKET, socket.SO_KEEPALIVE, 1),
                                     (TCP, socket.TCP_KEEPIDLE, 30), (TCP, socket.TCP_KEEPCNT, 3),
                                     (TCP, socket.TCP_USER_TIMEOUT, 5000), (IP, socket.IP_TOS, 0x10)):
            sock.setsockopt(level, option, value)
            assert sock.getsockopt(level, option) == value
            assert sock.getsockopt(level, option, 4) == struct.pack("i", value)
        sock.setsockopt(TCP, socket.TCP_KEEPINTVL, struct.pack("i", 7))
        assert sock.getsockopt(TCP, socket.TCP_KEEPINTVL) == 7
        sock.setsockopt(SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        assert sock.getsockopt(SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 5)
        assert sock.getsockopt(SOCKET, socket.SO_LINGER) == 1


@every_loop
def test_what_was_never_set(kind):
    with netos.aio.Host(), kind.socket() as sock:
        for level, option, value in ((SOCKET, socket.SO_TYPE, socket.SOCK_STREAM), (SOCKET, socket.SO_PROTOCOL, TCP),
                                     (SOCKET, socket.SO_DOMAIN, socket.AF_INET), (SOCKET, socket.SO_ERROR, 0),
                                     (TCP, socket.TCP_KEEPIDLE, 7200), (IP, socket.IP_TTL, 64),
                                     (SOCKET, socket.SO_ACCEPTCONN, 0), (SOCKET, socket.SO_LINGER, 0)):
            assert sock.getsockopt(level, option) == value
        assert sock.getsockopt(SOCKET, socket.SO_LINGER, 8) == bytes(8)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert sock.getsockopt(SOCKET, socket.SO_ACCEPTCONN) == 1


@every_loop
def test_what_cannot_be_set(kind):
    with netos.aio.Host(), kind.socket() as sock:
        for level, option, value, number in (
                (TCP, socket.TCP_KEEPIDLE, 0, errno.EINVAL), (TCP, socket.TCP_KEEPCNT, 128, errno.EINVAL),
                (TCP, socket.TCP_USER_TIMEOUT, -1, errno.EINVAL), (SOCKET, socket.SO_LINGER, 1, errno.EINVAL),
                (SOCKET, 12345, 1, errno.ENOPROTOOPT)):
            with pytest.raises(OSError) as caught:
                sock.setsockopt(level, option, value)
            assert caught.value.errno == number


@every_loop
def test_lingering_for_no_time_resets(kind):
    """What a program sets to have its peer told at once, and a TIME-WAIT saved: sockets and transports alike."""
    async def main():
        loop = asyncio.get_running_loop()
        protocols = []

        def factory():
            protocols.append(Recorder())
            return protocols[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        for end in ("socket", "transport"):
            sock = kind.socket()
            sock.setblocking(False)
            await loop.sock_connect(sock, server.sockets[0].getsockname())
            sock.setsockopt(SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if end == "socket":
                await asyncio.sleep(0.01)
                sock.close()
            else:
                transport, protocol = await loop.create_connection(Recorder, sock=sock)
                transport.close()
                await protocol.lost
            while len(protocols) < (1 if end == "socket" else 2):
                await asyncio.sleep(0)
            assert isinstance(await protocols[-1].lost, ConnectionResetError)
        server.close()

    run(kind, main)


def test_a_listeners_options_are_those_of_the_accepted(monkeypatch):
    """As under Linux: Python 3.13's create_server(keep_alive=True) sets it on the listener, for the connections."""
    told = []
    monkeypatch.setattr(netos.aio.sockets.Options, "tell", lambda self, endpoint: told.append(
        (dict(self.values), type(endpoint))))

    async def main():
        server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0, keep_alive=True)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.close()
        await writer.wait_closed()
        server.close()

    netos.aio.run(main())
    assert {(SOCKET, socket.SO_REUSEADDR): True, (SOCKET, socket.SO_KEEPALIVE): 1} in [
        values for values, kind in told if kind is TcpEndpoint]


def test_times_and_service_reach_the_connection():
    """Dead peers are found as soon as the program wants, not after Linux's two hours."""
    heard = []

    class Endpoint:
        keepalive = no_delay = False
        set_keepalive = lambda self, *times: heard.append(times)            # noqa: E731

    options = netos.aio.sockets.Options(socket.SOCK_STREAM)
    options.set(None, TCP, socket.TCP_KEEPIDLE, 30)
    options.set(None, TCP, socket.TCP_KEEPINTVL, 5)
    options.set(None, TCP, socket.TCP_USER_TIMEOUT, 20000)
    options.set(None, IP, socket.IP_TOS, 0xB8)
    endpoint = Endpoint()
    options.set(endpoint, SOCKET, socket.SO_KEEPALIVE, 1)
    assert heard == [(30, 5, 9)]
    assert (endpoint.keepalive, endpoint.user_timeout, endpoint.tos) == (True, 20.0, 0xB8)
