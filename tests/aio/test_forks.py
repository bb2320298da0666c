"""A forked child has no packet memory and no network: whatever it closes or frees, it lives, as does its parent."""

import asyncio
import gc
import os

import pytest

import netos.aio
from netos.proto.endpoints import TcpEndpoint, TcpListener


def test_a_child_collects_garbage_and_lives():
    with netos.aio.Host() as host:
        listener = TcpListener(host.stack, ("127.0.0.1", 0))
        cycle = [TcpEndpoint(host.stack, listener.local)]
        while cycle[0].state != "ESTABLISHED":
            host.router.cpu.run()
        cycle.append(cycle)             # freeing it sends a RST
        gc.collect()
        gc.disable()
        del cycle
        child = os.fork()
        if child == 0:
            gc.collect()
            os._exit(0)
        gc.enable()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_fork_leaves_the_collector_as_it_was():
    for enabled in (False, True):
        (gc.enable if enabled else gc.disable)()
        child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() is enabled else 1)
        assert gc.isenabled() is enabled
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_may_close_what_it_has_from_its_parent():
    with netos.aio.Host() as host:
        listener = TcpListener(host.stack, ("127.0.0.1", 0))
        endpoint = TcpEndpoint(host.stack, listener.local)
        while endpoint.state != "ESTABLISHED":
            host.router.cpu.run()
        child = os.fork()
        if child == 0:
            endpoint.send(bytes(100000))
            endpoint.close()
            listener.close()
            host.router.cpu.run()
            host.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert endpoint.state == "ESTABLISHED"


def test_a_childs_loop_on_its_parents_host_says_that_it_has_no_network():
    with netos.aio.Host():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with pytest.raises(RuntimeError, match="host is closed"):
                    netos.aio.run(asyncio.open_connection("127.0.0.1", 9))
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
