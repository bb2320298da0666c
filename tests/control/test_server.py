"""The control server on an asyncio loop, over real loopback and UNIX sockets: modes, limits, slow clients."""

import asyncio
import os
import socket
import stat

import pytest

from netos.control import connections
from netos.control.access import Access, RouterAppliance
from netos.control.protocol import GREETING
from netos.control.server import serve_control
from netos.control.sockets import ListenError, inherited, listen_unix
from netos.handlers import Handler
from netos.router import Router

LIMIT = 20      # seconds after which a test has hung


def access():
    made = Access(RouterAppliance(Router.from_text("c :: Counter; Idle -> c -> Discard", simulated=0).initialize()))
    made.add(Handler("big", lambda _: "x" * 3_000_000))
    return made


def run(main):
    return asyncio.run(asyncio.wait_for(main, LIMIT))


async def client(where):
    return await (asyncio.open_unix_connection(where) if isinstance(where, str)
                  else asyncio.open_connection(*where[:2]))


async def ask(where, text):
    """What a client is answered that sends this, ends its side, and reads to the end."""
    reader, writer = await client(where)
    writer.write(text)
    writer.write_eof()
    found = await reader.read()
    writer.close()
    return found


def test_a_unix_socket_is_for_owner_and_group_and_is_removed(tmp_path):
    async def main():
        path = str(tmp_path / "x.sock")
        async with serve_control(access(), path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
            answer = await ask(path, b"READ c.count\n")
            assert answer == GREETING + b"200 Read handler 'c.count' OK\r\nDATA 1\r\n0"
        assert not os.path.exists(path)

    run(main())


def test_a_port_is_on_loopback():
    async def main():
        async with serve_control(access(), ":0") as server:
            address = server.sockets[0].getsockname()
            assert address[0] == "127.0.0.1"
            assert b"DATA 1\r\n0" in await ask(address, b"READ c.count\r")

    run(main())


def test_an_inherited_connection_is_served():
    async def main():
        ours, theirs = socket.socketpair()
        async with serve_control(access(), [inherited(theirs.detach())]):
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            writer.write(b"QUIT\n")
            assert await reader.read() == GREETING + b"200 Goodbye\r\n"
            writer.close()

    run(main())


def test_a_dead_socket_is_replaced_a_living_one_and_a_file_are_not(tmp_path):
    path = str(tmp_path / "x.sock")
    listen_unix(path).close()
    with listen_unix(path), pytest.raises(ListenError, match=f"process {os.getpid()} listens there"):
        listen_unix(path)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ListenError, match="is no socket"):
        listen_unix(str(tmp_path / "file"))
    with pytest.raises(ListenError, match="make the directory"):
        listen_unix(str(tmp_path / "nowhere" / "x.sock"))


def test_many_commands_in_one_go_are_all_answered_and_others_get_their_turn(tmp_path):
    """More commands than one call may do: the second client is answered before the first is through."""
    async def main():
        path = str(tmp_path / "x.sock")
        count = 20 * connections.COMMANDS_A_CALL
        order = []
        async with serve_control(access(), path):
            async def one(name, text):
                answer = await ask(path, text)
                order.append(name)
                return answer

            many, few = await asyncio.gather(one("many", b"READ c.count\n" * count), one("few", b"READ c.count\n"))
        assert many.count(b"DATA 1\r\n0") == count
        assert few.count(b"DATA 1\r\n0") == 1
        assert order[0] == "few"

    run(main())


def test_what_is_kept_for_a_client_that_does_not_read_is_bounded_and_it_is_disconnected(tmp_path, monkeypatch):
    """It asks for gigabytes and reads nothing: one answer waits, nobody else notices, and then it is gone."""
    monkeypatch.setattr(connections, "PATIENCE", 0.02)

    async def main():
        path = str(tmp_path / "x.sock")
        async with serve_control(access(), path) as server:
            with socket.socket(socket.AF_UNIX) as greedy:
                greedy.connect(path)
                greedy.sendall(b"READ big\n" * 1000)
                while not server.connections:
                    await asyncio.sleep(0)
                served, = server.connections
                most = 0
                while server.connections:
                    most = max(most, len(served.output))
                    await ask(path, b"READ c.count\n")
                assert 0 < most < 3_100_000
                assert server.disconnected == 1

    run(main())


def test_too_many_clients_are_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 2)

    async def main():
        path = str(tmp_path / "x.sock")
        async with serve_control(access(), path) as server:
            held = [await client(path) for _ in range(2)]
            for reader, _ in held:
                assert await reader.readline() == GREETING
            reader, writer = await client(path)
            assert (await reader.read()).startswith(b"590 ")
            for _, each in [*held, (reader, writer)]:
                each.close()
            while server.connections:
                await asyncio.sleep(0)
            assert (await ask(path, b"QUIT\n")).startswith(GREETING)
            assert server.refused == 1

    run(main())


def test_a_client_that_leaves_in_the_middle_is_forgotten(tmp_path):
    async def main():
        path = str(tmp_path / "x.sock")
        async with serve_control(access(), path) as server:
            for text in (b"", b"READ c.cou", b"WRITEDATA c.reset 100\nabc", b"READ big\n"):
                with socket.socket(socket.AF_UNIX) as leaving:
                    leaving.connect(path)
                    leaving.sendall(text)
            await ask(path, b"QUIT\n")
            while server.connections:
                await asyncio.sleep(0)

    run(main())
