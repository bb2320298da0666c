"""CPython's own tests of asyncio's networking, run over netos's loops: what an unmodified program relies on.

Both ends of their connections are the stack's: see tests/aio/bridge.py. EXCLUDED has each test that cannot hold here,
with its reason.
"""

import asyncio
import selectors

import pytest

import netos.aio
from netos.aio.uv import UvEventLoop
from tests.aio.bridge import Turned, bridged

pytest.importorskip("test.test_asyncio.test_events",
                    reason="this Python has no test package (Debian: libpython3-testsuite)")

from test.test_asyncio import (
    test_buffered_proto,
    test_events,
    test_sendfile,
    test_server,
    test_sock_lowlevel,
    test_sslproto,
    test_streams,
)

NO_IPV6 = "the stack has IPv4 only"
NO_SENDFILE = "there is no sendfile system call to a stack in this process: the file is read and written"
EXCLUDED = {
    "TestEvents::test_create_datagram_endpoint_ipv6": NO_IPV6,
    "TestEvents::test_create_server_dual_stack": NO_IPV6,
    "TestEvents::test_create_server_multiple_hosts_ipv6": NO_IPV6,
    "TestEvents::test_create_server_multiple_hosts_ipv4": "replaces asyncio.base_events.socket, where our "
                                                          "sockets do not come from",
    "TestEvents::test_create_server_trsock": "a socket of the stack has no descriptor that could be duplicated",
    "TestUvServer::test_start_unix_server_1": "a UNIX server of uvloop's own, whose `sockets` is a list",
    "TestSendfile::test_sendfile_force_unsupported_native": NO_SENDFILE,
    "TestSendfile::test_sendfile_prevents_bare_write": NO_SENDFILE,
}


class Loop(Turned, netos.aio.EventLoop):
    """netos's loop over asyncio's selector loop."""


class UvLoop(Turned, UvEventLoop):
    """netos's loop over uvloop's."""

    _default_executor = None                # CPython's tests look at it when they end


class Policy(netos.aio.EventLoopPolicy):
    """Makes the first."""

    _loop_factory = Loop


@pytest.fixture(autouse=True)
def stack(request):
    name = f"{request.node.parent.name}::{request.node.name}"
    if name in EXCLUDED:
        pytest.skip(EXCLUDED[name])
    asyncio.set_event_loop_policy(Policy())
    try:
        with netos.aio.Host() as host, bridged(host):
            yield
    finally:
        asyncio.set_event_loop_policy(None)


def over(base, name, **methods):
    """A test class of CPython's whose loop is ours."""
    made = type(name, (base,), {"__module__": __name__, **methods})
    globals()[name] = made


over(test_events.EPollEventLoopTests, "TestEvents", create_event_loop=lambda self: Loop(selectors.EpollSelector()))
over(test_sock_lowlevel.EPollEventLoopTests, "TestSockLowlevel",
     create_event_loop=lambda self: Loop(selectors.EpollSelector()))
over(test_streams.StreamTests, "TestStreams")
over(test_server.SelectorStartServerTests, "TestServer", new_loop=lambda self: Loop())
over(test_sslproto.SslProtoHandshakeTests, "TestSslHandshake")
over(test_sslproto.SelectorStartTLSTests, "TestStartTls", new_loop=lambda self: Loop())
over(test_buffered_proto.BufferedProtocolSelectorTests, "TestBuffered", new_loop=lambda self: Loop())
over(test_sendfile.EPollEventLoopTests, "TestSendfile", create_event_loop=lambda self: Loop(selectors.EpollSelector()))
over(test_server.SelectorStartServerTests, "TestUvServer", new_loop=lambda self: UvLoop())
over(test_sslproto.SelectorStartTLSTests, "TestUvStartTls", new_loop=lambda self: UvLoop())
over(test_buffered_proto.BufferedProtocolSelectorTests, "TestUvBuffered", new_loop=lambda self: UvLoop())
over(test_sock_lowlevel.EPollEventLoopTests, "TestUvSockLowlevel", create_event_loop=lambda self: UvLoop())
