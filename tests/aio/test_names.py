"""What getaddrinfo() of a loop answers without a name server: the host's, restricted to IPv4, is the oracle."""

import asyncio
import socket

import pytest

from tests.aio.loops import Ours, OursUv, every_loop, run

STREAM, DGRAM, IPV4 = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.AF_INET
QUESTIONS = {
    "a number": (("127.0.0.1", 80), {"type": STREAM}), "a service": (("127.0.0.1", "http"), {"type": STREAM}),
    "no port": (("127.0.0.1", None), {"type": STREAM}), "an empty port": (("127.0.0.1", ""), {"type": STREAM}),
    "nobody": ((None, 80), {"type": STREAM, "family": IPV4}), "nothing": ((None, None), {}),
    "anybody": ((None, 80), {"type": STREAM, "family": IPV4, "flags": socket.AI_PASSIVE}),
    "bytes": ((b"localhost", b"80"), {"type": STREAM, "family": IPV4}),
    "by protocol": (("localhost", 80), {"proto": socket.IPPROTO_TCP, "family": IPV4}),
    "by the other": (("localhost", 80), {"proto": socket.IPPROTO_UDP, "family": IPV4}),
    "of the other kind": (("127.0.0.1", "80"), {"type": DGRAM}),
    "as typed": (("127.1", 80), {"type": STREAM}), "in hexadecimal": (("0x7f000001", 80), {"type": STREAM}),
    "its own name": (("localhost", 80), {"type": STREAM, "family": IPV4, "flags": socket.AI_CANONNAME}),
    "no such service": (("127.0.0.1", "no-such"), {}), "no such port": (("127.0.0.1", -1), {"type": STREAM}),
    "no such kind": (("127.0.0.1", 80), {"type": 77}),
    "another family": (("::1", 80), {"family": IPV4}), "no number": (("name", 80), {"flags": socket.AI_NUMERICHOST}),
}


async def answer(arguments, options):
    try:
        return await asyncio.get_running_loop().getaddrinfo(*arguments, **options)
    except socket.gaierror as error:
        return error.errno


@pytest.mark.parametrize("kind", [Ours, OursUv])
@pytest.mark.parametrize(("arguments", "options"), QUESTIONS.values(), ids=QUESTIONS)
def test_the_answer_is_the_hosts(kind, arguments, options):
    async def stock():
        return await answer(arguments, options)

    assert run(kind, stock) == asyncio.run(stock())


@every_loop
def test_a_server_is_where_it_can_be(kind):
    """A program that serves on both families serves on the one there is, as on a machine without IPv6."""
    async def main():
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, ["127.0.0.1", "::1"], 0)
        assert "127.0.0.1" in [sock.getsockname()[0] for sock in server.sockets]
        server.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_ipv6_alone_is_refused_in_words(kind):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(OSError, match="the stack knows IPv4 only"):
            await loop.create_server(asyncio.Protocol, "::", 0)
        with pytest.raises(socket.gaierror, match="IPv6 address"):
            await loop.getaddrinfo("::1", 80)

    run(kind, main)
