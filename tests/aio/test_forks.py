"""A forked child has no packet memory: collecting garbage of the stack's there must not touch it."""

import gc
import os

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
