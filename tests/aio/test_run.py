"""netos.run is asyncio.run on the stack: what a program serves on 127.0.0.1 is the stack's, not the machine's."""

import asyncio

import netos
import netos.aio


async def echo_once():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    line = await reader.readline()
    writer.close()
    server.close()
    return line, asyncio.get_running_loop()


def test_netos_run_serves_on_the_stack():
    before = netos.aio.current_host().stack.counters["tcp_passive_opens"]
    line, loop = netos.run(echo_once())
    assert line == b"hello\n"
    assert isinstance(loop, netos.aio.EventLoop)
    assert netos.aio.current_host().stack.counters["tcp_passive_opens"] == before + 1
