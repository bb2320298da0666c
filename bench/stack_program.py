"""What the stack's benchmarks run, a process of its own: python -m bench.stack_program ON PROGRAM [ARGUMENT ...].

ON is `kernel` (uvloop on its sockets), or TAP,ADDRESS,OFFLOAD[,LOOP]: netos's stack on a tap device, 10.9.0.2/24
for example, with offloads (1) or without (0), under uvloop or asyncio's own loop. Programs: sink PORT, source HOST PORT
SECONDS, http PORT, aiohttp PORT. Each says ready; the sink prints bits a second at the end of its one connection.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import nullcontext
from typing import Any

RESPONSE = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\n"
            b"Hello, world!")


class Sink(asyncio.BufferedProtocol):
    """Takes everything, and says how fast it came."""

    def __init__(self) -> None:
        self.space = bytearray(1 << 20)
        self.total = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.start = time.perf_counter()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.space

    def buffer_updated(self, nbytes: int) -> None:
        self.total += nbytes

    def connection_lost(self, exc: Exception | None) -> None:
        print(8 * self.total / (time.perf_counter() - self.start), flush=True)
        self.done.set_result(None)


class Source(asyncio.Protocol):
    """Sends zeros for so long."""

    def __init__(self, seconds: float) -> None:
        self.until = time.perf_counter() + seconds
        self.data = bytes(1 << 18)
        self.writable = True
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.fill()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.fill()

    def fill(self) -> None:
        """Write until the transport has enough."""
        while self.writable and time.perf_counter() < self.until:
            self.transport.write(self.data)
        if self.writable:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


class Hello(asyncio.Protocol):
    """Answers each request without a body with the same greeting."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        data = self.rest + data if self.rest else data
        requests = data.count(b"\r\n\r\n")
        self.rest = b"" if data.endswith(b"\r\n\r\n") else data[data.rfind(b"\r\n\r\n") + 4 if requests else 0:]
        if requests:
            self.transport.write(RESPONSE * requests)


async def sink(port: str) -> None:
    """Take one connection to its end."""
    loop = asyncio.get_running_loop()
    taken: asyncio.Queue[Sink] = asyncio.Queue()

    def take() -> Sink:
        taken.put_nowait(Sink())
        return taken._queue[0]              # type: ignore[attr-defined,no-any-return]

    await loop.create_server(take, "0.0.0.0", int(port))
    print("ready", flush=True)
    await (await taken.get()).done


async def source(host: str, port: str, seconds: str) -> None:
    """Send to a receiver."""
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    _, protocol = await loop.create_connection(lambda: Source(float(seconds)), host, int(port))
    await protocol.done
    await asyncio.sleep(0.2)                # what is on its way still goes


async def http(port: str) -> None:
    """Serve the greeting."""
    server = await asyncio.get_running_loop().create_server(Hello, "0.0.0.0", int(port))
    print("ready", flush=True)
    await server.serve_forever()


async def aiohttp(port: str) -> None:
    """Serve it with aiohttp, as its own example does."""
    from aiohttp import web

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="Hello, world!")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", int(port)).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main(on: str, program: str, *arguments: str) -> None:
    """Run a program on the kernel's sockets or on the stack."""
    factory: Any
    if on == "kernel":
        import uvloop

        host: Any = nullcontext()
        factory = uvloop.new_event_loop
    else:
        from netos.aio import EventLoop, Host
        from netos.aio.uv import UvEventLoop

        tap, address, offload, *loop = on.split(",")
        host = Host(tap, address, offload=offload == "1")
        factory = EventLoop if loop == ["asyncio"] else UvEventLoop
    programs: dict[str, Any] = {"sink": sink, "source": source, "http": http, "aiohttp": aiohttp}
    with host, asyncio.Runner(loop_factory=factory) as runner:
        runner.run(programs[program](*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
