"""What a transport cannot send at once: bytes wait as they are, what may change is copied."""

import asyncio
import tracemalloc

import netos.aio

LARGE = 8_000_000


async def written(data, change):
    """What arrives of `data`, changed after it was written; and the memory that writing it took."""
    loop = asyncio.get_running_loop()
    everything = loop.create_future()

    class Keeping(asyncio.Protocol):
        def connection_made(self, transport):
            self.heard = []

        def data_received(self, data):
            self.heard.append(data)

        def connection_lost(self, exc):
            everything.set_result(b"".join(self.heard))

    server = await loop.create_server(Keeping, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
    tracemalloc.start()
    transport.write(data)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    change(data)
    transport.close()
    heard = await asyncio.wait_for(everything, 10)
    server.close()
    await server.wait_closed()
    return heard, taken


def test_large_bytes_are_not_copied():
    """A large answer in one write would take its size in memory again, and the time to copy it."""
    data = bytes(range(250)) * (LARGE // 250)
    heard, taken = netos.aio.run(written(data, lambda data: None))
    assert heard == data
    assert taken < LARGE // 4


def test_what_may_change_is_copied():
    """A program may use its buffer again as soon as write() returns."""
    data = bytearray(b"a") * LARGE

    def change(data):
        data[:] = bytes(LARGE)

    heard, _ = netos.aio.run(written(data, change))
    assert heard == b"a" * LARGE
