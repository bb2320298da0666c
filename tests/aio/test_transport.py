"""Streams behave as stock asyncio's do: each test runs over the host's sockets, the oracle, and over ours."""

import asyncio
import contextvars
import gc
import socket
import struct
import warnings

import pytest

from tests.aio.loops import Recorder, every_loop, pair, run, until


@every_loop
def test_data_and_the_end_come_in_order(kind):
    async def main():
        server, theirs, ours = await pair()
        ours.transport.write(b"hello")
        ours.transport.writelines([b" ", bytearray(b"w"), memoryview(b"orld")])
        ours.transport.close()
        assert ours.transport.is_closing()
        await theirs.lost
        server.close()
        assert (theirs.data, theirs.events) == (b"hello world", ["made", "data", "eof", "lost"])
        assert (await ours.lost, ours.events) == (None, ["made", "lost"])

    run(kind, main)


@every_loop
def test_half_close_leaves_the_other_direction_open(kind):
    class KeepsOpen(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        server, theirs, ours = await pair(KeepsOpen)
        assert ours.transport.can_write_eof()
        ours.transport.write(b"question")
        ours.transport.write_eof()
        ours.transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            ours.transport.write(b"more")
        await theirs.ended
        assert not theirs.transport.is_closing()
        theirs.transport.write(b"answer" * 50000)
        theirs.transport.close()
        await ours.lost
        server.close()
        assert (theirs.data, len(ours.data)) == (b"question", 300000)
        assert ours.events == ["made", "data", "eof", "lost"]

    run(kind, main)


@every_loop
def test_a_peer_that_resets_behind_its_end_breaks_the_pipe(kind):
    """It has said all, and takes nothing any more: who still writes hears of that, and not of a lost answer."""
    class KeepsOpen(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        server, theirs, ours = await pair(KeepsOpen)
        ours.transport.write(b"question")
        ours.transport.write_eof()
        await theirs.ended
        ours.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                           struct.pack("ii", 1, 0))
        ours.transport.abort()
        await ours.lost
        await until(lambda: theirs.transport.write(b"answer") or theirs.transport.is_closing())
        assert isinstance(await theirs.lost, BrokenPipeError)
        assert (theirs.data, theirs.events) == (b"question", ["made", "data", "eof", "BrokenPipeError"])
        server.close()

    run(kind, main)


@every_loop
def test_writing_pauses_and_resumes_at_the_limits(kind):
    async def main():
        server, theirs, ours = await pair()
        transport = ours.transport
        assert transport.get_write_buffer_limits() == (16384, 65536)
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high=1, low=2)
        transport.set_write_buffer_limits(low=1000)
        assert transport.get_write_buffer_limits() == (1000, 4000)
        transport.set_write_buffer_limits(high=100000)
        assert transport.get_write_buffer_limits() == (25000, 100000)
        theirs.transport.pause_reading()
        assert not theirs.transport.is_reading()
        await asyncio.sleep(0)
        total = 0
        while "pause" not in ours.events:
            transport.write(bytes(50000))
            total += 50000
            await asyncio.sleep(0)
        assert transport.get_write_buffer_size() > 100000
        assert theirs.data == b""
        theirs.transport.resume_reading()
        await until(lambda: len(theirs.data) == total)
        assert ours.events == ["made", "pause", "resume"]
        assert transport.get_write_buffer_size() == 0
        transport.close()
        await theirs.lost
        server.close()

    run(kind, main)


@every_loop
def test_what_waits_is_sent_after_close_but_not_after_abort(kind):
    async def main(method):
        server, theirs, ours = await pair()
        theirs.transport.pause_reading()
        await asyncio.sleep(0.01)
        ours.transport.write(bytes(20_000_000))
        waiting = ours.transport.get_write_buffer_size()
        assert waiting > 1_000_000
        getattr(ours.transport, method)()
        if method == "abort":
            assert await ours.lost is None
        else:
            assert ours.transport.get_write_buffer_size() == waiting
        theirs.transport.resume_reading()
        await theirs.lost
        server.close()
        assert (len(theirs.data) == 20_000_000) is (method == "close")
        await ours.lost

    run(kind, lambda: main("close"))
    run(kind, lambda: main("abort"))


@every_loop
def test_an_error_of_data_received_is_reported_and_ends_the_connection(kind):
    class Breaks(Recorder):
        def data_received(self, data):
            raise ZeroDivisionError

    async def main():
        server, theirs, ours = await pair(Breaks)
        ours.transport.write(b"x")
        assert isinstance(await theirs.lost, ZeroDivisionError)
        await ours.lost
        server.close()
        [problem] = asyncio.get_running_loop().problems
        assert problem["message"] == "Fatal error: protocol.data_received() call failed."
        assert problem["transport"] is theirs.transport

    run(kind, main)


@every_loop
def test_closing_in_connection_made_gives_no_data(kind):
    class Closes(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"bye")
            transport.close()

    async def main():
        server, theirs, ours = await pair(Closes)
        ours.transport.write(b"x")
        await theirs.lost
        await ours.lost
        server.close()
        assert (theirs.events, ours.data) == (["made", "lost"], b"bye")

    run(kind, main)


@every_loop
def test_an_error_of_connection_made_is_reported_and_the_connection_stays(kind):
    class Breaks(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise ZeroDivisionError

    async def main():
        server, theirs, ours = await pair(Breaks)
        ours.transport.write(b"x")
        await until(lambda: theirs.data)
        assert theirs.events == ["made", "data"]
        assert [type(problem["exception"]) for problem in asyncio.get_running_loop().problems] == [ZeroDivisionError]
        theirs.transport.close()
        ours.transport.close()
        await theirs.lost
        server.close()

    run(kind, main)


@every_loop
def test_a_buffered_protocol_is_given_its_own_buffer(kind):
    class Buffered(Recorder, asyncio.BufferedProtocol):
        def get_buffer(self, hint):
            self.buffer = bytearray(7)
            return self.buffer

        def buffer_updated(self, count):
            self.data_received(bytes(self.buffer[:count]))

    async def main():
        server, theirs, ours = await pair(Buffered)
        ours.transport.write(b"0123456789" * 10)
        ours.transport.write_eof()
        await theirs.ended
        await ours.lost
        server.close()
        assert theirs.data == b"0123456789" * 10

    run(kind, main)


@every_loop
def test_a_buffer_of_no_bytes_is_an_error(kind):
    class Empty(Recorder, asyncio.BufferedProtocol):
        def get_buffer(self, hint):
            return bytearray()

        def buffer_updated(self, count):
            raise AssertionError

    async def main():
        server, theirs, ours = await pair(Empty)
        ours.transport.write(b"x")
        assert isinstance(await theirs.lost, RuntimeError)
        await ours.lost
        server.close()
        assert asyncio.get_running_loop().problems[0]["message"] == "Fatal error: protocol.get_buffer() call failed."

    run(kind, main)


@every_loop
def test_extra_info_and_changed_protocols(kind):
    async def main():
        server, theirs, ours = await pair()
        sock = ours.transport.get_extra_info("socket")
        assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert sock.getsockname() == ours.transport.get_extra_info("sockname") == \
            theirs.transport.get_extra_info("peername")
        assert sock.getpeername() == ours.transport.get_extra_info("peername") == server.sockets[0].getsockname()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert ours.transport.get_extra_info("nothing", 5) == 5
        other = Recorder()
        assert ours.transport.get_protocol() is ours
        ours.transport.set_protocol(other)
        theirs.transport.write(b"x")
        await until(lambda: other.data)
        assert ours.data == b""
        ours.transport.close()
        await other.lost
        await theirs.lost
        server.close()

    run(kind, main)


@every_loop
def test_callbacks_have_the_context_of_who_connected(kind):
    variable = contextvars.ContextVar("variable", default="outside")
    seen = []

    class Looks(Recorder):
        def data_received(self, data):
            super().data_received(data)
            seen.append(variable.get())

    async def main():
        loop = asyncio.get_running_loop()

        class Answers(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.write(b"x")

        server = await loop.create_server(Answers, "127.0.0.1", 0)
        variable.set("inside")
        _, looking = await loop.create_connection(Looks, *server.sockets[0].getsockname())
        variable.set("later")
        await until(lambda: looking.data)
        looking.transport.close()
        server.close()
        await looking.lost

    run(kind, main)
    assert seen == ["inside"]


@every_loop
def test_misuse_raises_what_asyncio_raises(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server, theirs, ours = await pair()
        with pytest.raises(TypeError, match="bytes"):
            ours.transport.write("text")
        for arguments in ({}, {"host": "127.0.0.1", "port": 1, "server_hostname": "x"},
                          {"host": "127.0.0.1", "port": 1, "ssl_handshake_timeout": 1},
                          {"port": 1, "ssl": True}):
            with pytest.raises(ValueError):
                await loop.create_connection(Recorder, **arguments)
        with pytest.raises(ValueError):
            await loop.create_server(Recorder)
        with pytest.raises(TypeError):
            await loop.create_server(Recorder, "127.0.0.1", 0, ssl=True)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Recorder, *server.sockets[0].getsockname())
        with pytest.raises(OSError, match=r"assign requested address|could not bind on any"):   # since 3.13 the latter
            await loop.create_server(Recorder, "192.0.2.77", 0)
        port = server.sockets[0].getsockname()[1]
        ours.transport.close()
        ours.transport.close()
        ours.transport.abort()
        await theirs.lost
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
            await loop.create_connection(Recorder, "127.0.0.1", port)

    run(kind, main)


@every_loop
def test_a_transport_left_open_is_warned_about(kind):
    async def main():
        server, _, _ = await pair()
        server.close()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run(kind, main)
        gc.collect()
    assert sum("unclosed transport" in str(one.message) for one in seen if one.category is ResourceWarning) == 2


@every_loop
def test_who_connects_has_the_transport_before_data_comes(kind):
    class Greets(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"x")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Greets, "127.0.0.1", 0)
        sock = kind.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        await asyncio.sleep(0.01)
        transport, protocol = await loop.create_connection(Recorder, sock=sock)
        assert protocol.events == ["made"]
        await until(lambda: protocol.data)
        transport.close()
        await protocol.lost
        server.close()

    run(kind, main)
