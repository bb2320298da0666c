"""The finer points of what a protocol is told, and when: stock asyncio over the host's sockets is the oracle."""

import array
import asyncio

import pytest

from tests.aio.loops import Recorder, every_loop, pair, run, until

NUMBERS = array.array("i", [1, 2, 3, 4])


@every_loop
def test_what_connection_made_begins_runs_before_the_data(kind):
    """A protocol starts its task in connection_made and has data_received feed it: it is there when data come."""
    made = []

    class Begins(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            asyncio.get_running_loop().call_soon(self.events.append, "begun")
            made.append(self)

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Begins, "127.0.0.1", 0, start_serving=False)
        for sock in server.sockets:
            sock._sock.listen()
        client = kind.socket()
        client.setblocking(False)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await loop.sock_sendall(client, b"at once")
        await asyncio.sleep(0.01)
        await server.start_serving()
        await until(lambda: made and made[0].data)
        assert made[0].events == ["made", "begun", "data"]
        made[0].transport.close()
        await made[0].lost
        client.close()
        server.close()

    run(kind, main)


@every_loop
def test_data_that_came_before_a_reset_outlive_a_pause(kind):
    """Who pauses for back pressure gets what has come when he resumes, and then the reset."""
    async def main():
        server, theirs, ours = await pair()
        theirs.transport.pause_reading()
        ours.transport.write(b"hello")
        ours.transport.pause_reading()
        theirs.transport.write(b"never read")
        await asyncio.sleep(0.02)
        ours.transport.abort()                      # with something unread: a reset
        await ours.lost
        await asyncio.sleep(0.02)
        assert theirs.events == ["made"]
        theirs.transport.resume_reading()
        await theirs.lost
        assert (theirs.data, theirs.events) == (b"hello", ["made", "data", "ConnectionResetError"])
        server.close()

    run(kind, main)


@every_loop
def test_the_end_that_came_during_a_pause_is_told_after_it(kind):
    async def main():
        server, theirs, ours = await pair()
        theirs.transport.pause_reading()
        ours.transport.close()
        await ours.lost
        await asyncio.sleep(0.02)
        theirs.transport.write_eof()                # the connection is closed now, both ways, and well
        await asyncio.sleep(0.02)
        assert theirs.events == ["made"]
        theirs.transport.resume_reading()
        await theirs.lost
        assert theirs.events == ["made", "eof", "lost"]
        server.close()

    run(kind, main)


@every_loop
@pytest.mark.parametrize("buffer", [array.array("i", bytes(16)), memoryview(array.array("d", bytes(16)))])
def test_a_buffer_is_of_bytes_whatever_it_is_of(kind, buffer):
    class Buffered(Recorder, asyncio.BufferedProtocol):
        def get_buffer(self, hint):
            return buffer

        def buffer_updated(self, count):
            self.data_received(bytes(memoryview(buffer).cast("B")[:count]))

    async def main():
        server, theirs, ours = await pair(Buffered)
        ours.transport.write(b"sixteen and more bytes")
        await until(lambda: len(theirs.data) == 22)
        assert theirs.data == b"sixteen and more bytes"
        ours.transport.close()
        await theirs.lost
        server.close()

    run(kind, main)


@every_loop
@pytest.mark.parametrize("broken", ["buffer", "get_buffer", "buffer_updated", "eof_received"])
def test_a_protocol_that_breaks_ends_its_connection(kind, broken):
    """It is reported, once, and the program hears of the end: it does not wait for it for ever."""
    messages = {"buffer": "Fatal read error on socket transport"}

    class Breaks(Recorder, asyncio.BufferedProtocol):
        def get_buffer(self, hint):
            return b"not to be written to" if broken == "buffer" else bytearray(0 if broken == "get_buffer" else 9)

        def buffer_updated(self, count):
            if broken == "buffer_updated":
                raise ZeroDivisionError

        def eof_received(self):
            raise ZeroDivisionError

    async def main():
        server, theirs, ours = await pair(Breaks)
        ours.transport.write(b"x")
        ours.transport.write_eof()
        error = await theirs.lost
        assert isinstance(error, (TypeError, BufferError, RuntimeError, ZeroDivisionError))
        [problem] = asyncio.get_running_loop().problems
        assert problem["message"] == messages.get(broken, f"Fatal error: protocol.{broken}() call failed.")
        assert problem["exception"] is error
        ours.transport.close()
        server.close()

    run(kind, main)


@every_loop
def test_memory_of_any_shape_is_written(kind):
    async def main():
        server, theirs, ours = await pair()
        ours.transport.write(memoryview(NUMBERS))
        await until(lambda: theirs.data)
        assert theirs.data == NUMBERS.tobytes()
        ours.transport.write(memoryview(b"with gaps")[::2])
        assert isinstance(await ours.lost, (BufferError, TypeError))
        [problem] = asyncio.get_running_loop().problems
        assert problem["message"] == "Fatal write error on socket transport"
        server.close()

    run(kind, main)


class KeepsOpen(Recorder):
    def eof_received(self):
        super().eof_received()
        return True


@every_loop
def test_what_is_kept_open_is_the_programs_to_close(kind):
    """A stream's handler reads to the end, answers, write_eof()s and drains: nothing may be lost meanwhile."""
    async def main():
        server, theirs, ours = await pair(KeepsOpen)
        ours.transport.close()
        await theirs.ended
        theirs.transport.write_eof()
        await asyncio.sleep(0.02)                   # both ends are closed now
        assert not theirs.transport.is_closing()
        assert theirs.events == ["made", "eof"]
        theirs.transport.close()
        assert await theirs.lost is None
        server.close()

    run(kind, main)


@every_loop
def test_who_has_read_to_the_end_hears_of_a_reset_by_writing(kind):
    async def main():
        server, theirs, ours = await pair(KeepsOpen)
        ours.transport.close()
        await theirs.ended
        theirs.transport.write(b"answered by a reset")
        await asyncio.sleep(0.02)
        assert theirs.events == ["made", "eof"]
        theirs.transport.write(b"more")
        assert isinstance(await theirs.lost, ConnectionError)
        server.close()

    run(kind, main)
