"""A host's life: loops come and go on it, and what goes wrong below them is told."""

import asyncio
import gc
import threading

import pytest

import netos.aio
from tests.aio.loops import Ours, Recorder, pair, run, until


def test_a_programs_slow_callbacks_are_not_the_kernels_affair(caplog):
    """An unmodified program has no warnings of ours on its standard error; asyncio's debug mode tells of slow ones."""
    async def main():
        asyncio.get_running_loop().netos_host.router.cpu.overrun = 1            # nanosecond
        server, theirs, ours = await pair()
        ours.transport.write(b"x")
        ours.transport.close()
        await theirs.lost
        server.close()

    run(Ours, main)
    assert caplog.messages == []


def test_a_host_is_not_closed_under_a_running_loop():
    async def main():
        with pytest.raises(RuntimeError, match="still runs on this host"):
            netos.aio.current_host().close()
        await asyncio.open_connection(*(await asyncio.start_server(Recorder, "127.0.0.1", 0)).sockets[0].getsockname())

    with netos.aio.Host():
        netos.aio.run(main())


def test_a_loop_of_a_closed_host_runs_without_network():
    with netos.aio.Host():
        loop = netos.aio.EventLoop()
    assert loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
    with pytest.raises(RuntimeError, match="host is closed"):
        loop.run_until_complete(loop.create_server(Recorder, "127.0.0.1", 0))
    loop.close()


def test_a_configuration_that_stops_itself_is_told_of():
    with netos.aio.Host(config="Idle -> HostStack -> Idle; DriverManager(wait 0.01s, stop);") as host, \
            asyncio.Runner(loop_factory=lambda: netos.aio.EventLoop(host=host)) as runner:
        loop = runner.get_loop()
        told = loop.create_future()
        loop.set_exception_handler(lambda _, context: told.set_result(context))
        context = runner.run(asyncio.wait_for(told, 5))
    assert "network has stopped" in context["message"]


def test_name_servers_are_numbers():
    with pytest.raises(ValueError, match="not an IPv4 address"):
        netos.aio.Host(dns=("ns.example",))


def test_a_port_is_free_again_when_the_loop_that_served_there_is_closed():
    """A program that runs twice does not close its server either; no garbage collection is to be waited for."""
    async def main(port):
        server = await asyncio.start_server(print, "127.0.0.1", port)
        return server.sockets[0].getsockname()[1]

    with netos.aio.Host():
        with pytest.warns(ResourceWarning, match="unclosed"):
            port = netos.aio.run(main(0))
        with pytest.warns(ResourceWarning, match="unclosed"):
            assert netos.aio.run(main(port)) == port


def test_what_another_thread_forgets_is_closed_by_the_loops():
    """Garbage is collected in any thread; the loop's may be moving packets without the GIL just then."""
    closed = []

    class Noticing(netos.aio.socket):
        def close(self):
            closed.append(threading.get_ident())
            super().close()

    async def main():
        loop = asyncio.get_running_loop()
        sockets = [Noticing(host=loop.netos_host)]
        sockets[0].bind(("127.0.0.1", 0))
        with pytest.warns(ResourceWarning, match="unclosed"):
            await asyncio.to_thread(lambda: (sockets.clear(), gc.collect()))
        await until(lambda: closed)

    run(Ours, main)
    assert closed == [threading.get_ident()]
