"""The fixtures that netos ships do what their names say."""

import asyncio

import pytest

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Trouble

pytest_plugins = ["netos.testing.fixtures"]


def test_link_has_two_stacks(link):
    """A connection from the left is not accepted at the right."""
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert link.run(lambda: listener.waiting, seconds=1)
    assert listener.accept().remote == client.local


@pytest.mark.parametrize("link", [{"trouble": Trouble(loss=1.0)}], indirect=True)
def test_link_takes_arguments(link):
    """The arguments do not reach the link."""
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert not link.run(lambda: client.state == "ESTABLISHED", seconds=5)


def test_stack_and_port_are_on_one_cable(stack, scapy_port):
    """The port sends to another stack, or not at all."""
    from scapy.layers.inet import ICMP, IP

    answer = scapy_port.sr1(IP() / ICMP())
    assert (answer.src, answer.dst) == ("10.0.0.2", "10.0.0.1")
    assert stack.counters["icmp_echoes"] == 1


def test_loop_is_on_the_stack(netos_loop, netos_host):
    """Streams go over the network of the machine instead of the stack, or the loop does not run."""
    async def talk():
        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 8000)
        reader, writer = await asyncio.open_connection("127.0.0.1", 8000)
        writer.write(b"hello\n")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    before = netos_host.stack.counters["tcp_passive_opens"]
    assert netos_loop.run_until_complete(talk()) == b"hello\n"
    assert netos_host.stack.counters["tcp_passive_opens"] == before + 1


def test_loop_ends_with_tasks_left(netos_loop):
    """A task that never ends keeps the test from ending, or complains that it was destroyed."""
    async def leave():
        netos_loop.task = asyncio.ensure_future(asyncio.sleep(3600))
        await asyncio.sleep(0)

    netos_loop.run_until_complete(leave())
