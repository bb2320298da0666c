exec(open("/tmp/h5/ed2.py").read().split("edit(\"netos/aio/host.py\"")[0])
edit("tests/aio/test_forks.py",
('''"""A forked child has no packet memory: collecting garbage of the stack's there must not touch it."""

import gc
import os

import netos.aio
''','''"""A forked child has no packet memory and no network: whatever it closes, frees or runs, it lives, as does its parent."""

import asyncio
import gc
import os

import pytest

import netos.aio
'''))
open("tests/aio/test_forks.py","a").write('''

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
''')
