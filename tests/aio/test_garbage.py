"""Connections, servers and UDP ports live as long as their loop, also when nobody holds them, as asyncio's do."""

import asyncio
import gc

import netos.aio


class Echo(asyncio.Protocol):
    """Sends back what comes; only its transport knows it."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class UdpEcho(asyncio.DatagramProtocol):
    """The same in UDP."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def exchange():
    """Both through garbage collections, on ports that are found out by nobody else."""
    loop = asyncio.get_running_loop()
    port = (await loop.create_server(Echo, "127.0.0.1", 0)).sockets[0].getsockname()[1]
    udp = (await loop.create_datagram_endpoint(UdpEcho, ("127.0.0.1", 0)))[0].get_extra_info("sockname")
    gc.collect()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = []
    for number in range(3):
        gc.collect()
        writer.write(b"%d" % number)
        heard.append(await reader.readexactly(1))
    answered = loop.create_future()

    class Asking(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            transport.sendto(b"what")

        def datagram_received(self, data, addr):
            answered.set_result(data)

    gc.collect()
    await loop.create_datagram_endpoint(Asking, remote_addr=udp)
    heard.append(await asyncio.wait_for(answered, 5))
    for transport in list(loop.netos_open):
        getattr(transport, "close", int)()
    writer.close()
    await writer.wait_closed()
    return heard


def test_what_nobody_holds_is_not_collected_while_the_loop_runs():
    """A connection whose protocol is known to its transport only is not garbage: it would be reset at any time."""
    assert netos.aio.run(asyncio.wait_for(exchange(), 10)) == [b"0", b"1", b"2", b"what"]
    gc.collect()
