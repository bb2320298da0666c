"""loop.sock_* and non-blocking sockets: the host's, with stock asyncio, are the oracle of the stack's."""

import array
import asyncio
import errno
import gc
import io
import socket

import pytest

import netos.aio
from tests.aio.loops import Ours, OursUv, every_loop, run, until


def made(kind, type=socket.SOCK_STREAM):
    sock = kind.socket(socket.AF_INET, type)
    sock.setblocking(False)
    return sock


async def connected(kind):
    """A listening socket, and both ends of a connection."""
    loop = asyncio.get_running_loop()
    listener = made(kind)
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    client = made(kind)
    (theirs, address), _ = await asyncio.gather(loop.sock_accept(listener),
                                                loop.sock_connect(client, listener.getsockname()))
    assert address == client.getsockname() == theirs.getpeername()
    return listener, theirs, client


@every_loop
def test_a_stream_through_every_call(kind):
    async def main():
        loop = asyncio.get_running_loop()
        listener, theirs, client = await connected(kind)
        assert theirs.gettimeout() == 0
        with pytest.raises(BlockingIOError):
            client.recv(1)
        with pytest.raises(BlockingIOError):
            listener.accept()
        sent = bytes(range(256)) * 8000
        received = bytearray()

        async def receive():
            buffer = bytearray(100000)
            while count := await loop.sock_recv_into(theirs, buffer):
                received.extend(buffer[:count])

        task = asyncio.create_task(receive())
        await loop.sock_sendall(client, sent)
        client.shutdown(socket.SHUT_WR)
        await task
        assert received == sent
        assert await loop.sock_recv(theirs, 10) == b""
        await loop.sock_sendall(theirs, memoryview(b"bye"))
        theirs.close()
        assert await loop.sock_recv(client, 2) == b"by"
        assert await loop.sock_recv(client, 20) == b"e"
        for sock in (client, listener):
            sock.close()
            sock.close()

    run(kind, main)


@every_loop
def test_what_cannot_be_has_the_hosts_errno(kind):
    async def main():
        loop = asyncio.get_running_loop()
        sock = made(kind)
        for number, call in ((errno.ENOTCONN, lambda: sock.recv(1)), (errno.ENOTCONN, sock.getpeername),
                             (errno.EINVAL, sock.accept), (errno.EADDRNOTAVAIL, lambda: sock.bind(("192.0.2.77", 0))),
                             (errno.ENOPROTOOPT, lambda: sock.setsockopt(socket.SOL_SOCKET, 12345, 1))):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == number
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="Address already in use"):
            made(kind).bind(sock.getsockname())
        with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
            await loop.sock_connect(made(kind), sock.getsockname())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
        sock.close()
        with pytest.raises(OSError) as caught:
            sock.recv(1)
        assert caught.value.errno == errno.EBADF

    run(kind, main)


@every_loop
def test_a_bound_port_is_the_one_that_is_connected_from(kind):
    async def main():
        loop = asyncio.get_running_loop()
        listener = made(kind)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sock = made(kind)
        sock.bind(("127.0.0.1", 0))
        local = sock.getsockname()
        await loop.sock_connect(sock, listener.getsockname())
        assert sock.getsockname() == local
        assert (await loop.sock_accept(listener))[1] == local
        assert sock.connect_ex(listener.getsockname()) in (0, errno.EISCONN)

    run(kind, main)


@every_loop
def test_waiting_can_be_cancelled(kind):
    async def main():
        loop = asyncio.get_running_loop()
        _listener, theirs, client = await connected(kind)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(client, 5), 0.01)
        await loop.sock_sendall(theirs, b"after")
        assert await loop.sock_recv(client, 5) == b"after"

    run(kind, main)


@every_loop
def test_datagrams_through_every_call(kind):
    async def main():
        loop = asyncio.get_running_loop()
        one, two = made(kind, socket.SOCK_DGRAM), made(kind, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        with pytest.raises(BlockingIOError):
            one.recvfrom(10)
        await loop.sock_connect(two, one.getsockname())
        assert two.send(b"hello") == 5
        data, source = await loop.sock_recvfrom(one, 100)
        assert (data, source[1]) == (b"hello", two.getsockname()[1])
        assert await loop.sock_sendto(one, b"longer than asked", source) == 17
        assert await loop.sock_recv(two, 6) == b"longer"
        await loop.sock_sendto(one, b"into", source)
        buffer = bytearray(10)
        assert await loop.sock_recvfrom_into(two, buffer) == (4, one.getsockname())
        assert buffer == b"into" + bytes(6)
        one.close()
        two.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_a_file_is_sent(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 100000)

    async def main():
        loop = asyncio.get_running_loop()
        _listener, theirs, client = await connected(kind)
        with path.open("rb") as file:
            task = asyncio.create_task(loop.sock_sendfile(client, file, 5, 900000))
            got = b""
            while len(got) < 900000:
                got += await loop.sock_recv(theirs, 1000000)
            assert await task == 900000
            assert file.tell() == 900005
            assert got == path.read_bytes()[5:900005]
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sock_sendfile(client, file, fallback=False)
        protocol = asyncio.Protocol()
        transport, _ = await loop.create_connection(lambda: protocol, sock=client)
        assert await loop.sendfile(transport, io.BytesIO(b"through a transport")) == 19
        assert await loop.sock_recv(theirs, 100) == b"through a transport"
        transport.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_the_hosts_sockets_stay_the_hosts(kind):
    async def main():
        loop = asyncio.get_running_loop()
        one, two = socket.socketpair()
        one.setblocking(False)
        two.setblocking(False)
        await loop.sock_sendall(one, b"x")
        assert await loop.sock_recv(two, 5) == b"x"
        reader, writer = await asyncio.open_connection(sock=two)
        one.send(b"yes\n")
        assert await reader.readline() == b"yes\n"
        writer.close()
        process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
        assert await process.communicate() == (b"hi\n", None)
        one.close()

    run(kind, main)


@pytest.mark.parametrize("kind", [Ours, OursUv])
def test_names_of_addresses(kind):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.getnameinfo(("127.0.0.1", 80)) == ("localhost", "http")
        assert await loop.getnameinfo(("192.0.2.9", 80), socket.NI_NUMERICSERV) == ("192.0.2.9", "80")
        with pytest.raises(socket.gaierror):
            await loop.getnameinfo(("192.0.2.9", 80), socket.NI_NAMEREQD)
        with pytest.raises(socket.gaierror):
            await loop.getnameinfo(("::1", 80))

    run(kind, main)


def test_sockets_that_the_stack_cannot_make():
    with netos.aio.Host():
        for family, type, number in ((socket.AF_INET6, socket.SOCK_STREAM, errno.EAFNOSUPPORT),
                                     (socket.AF_INET, socket.SOCK_RAW, errno.ESOCKTNOSUPPORT)):
            with pytest.raises(OSError) as caught:
                netos.aio.socket(family, type)
            assert caught.value.errno == number
        with netos.aio.socket() as sock, pytest.raises(ValueError, match="cannot block"):
            sock.setblocking(True)


def test_a_host_has_one_loop_at_a_time_and_others_still_run():
    async def inner():
        with pytest.raises(RuntimeError, match="another event loop runs on this host"):
            await asyncio.open_connection("127.0.0.1", 9)
        return "ran"

    async def main():
        return await asyncio.to_thread(lambda: asyncio.Runner(loop_factory=lambda: netos.aio.EventLoop(host=host)).run(
            inner()))

    with netos.aio.Host() as host:
        assert netos.aio.run(main()) == "ran"


@every_loop
def test_happy_eyeballs_and_local_addresses(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(asyncio.Protocol, *address, happy_eyeballs_delay=0.2, interleave=1,
                                                    local_addr=("127.0.0.1", 0))
        transport.close()
        with pytest.raises(OSError, match="error while attempting to bind"):
            await loop.create_connection(asyncio.Protocol, *address, local_addr=("192.0.2.77", 0))
        server.close()
        await until(lambda: not server.is_serving())

    run(kind, main)


@every_loop
def test_after_a_reset_there_is_nothing_to_read_and_to_write_is_a_broken_pipe(kind):
    """Whoever reads hears of the reset; whoever writes must have a ConnectionError, too, and not some other OSError."""
    async def main():
        loop = asyncio.get_running_loop()
        listener, theirs, client = await connected(kind)
        await loop.sock_sendall(client, b"never read")
        await asyncio.sleep(0.01)
        theirs.close()
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(client, 5)
        assert await loop.sock_recv(client, 5) == b""
        for _ in range(2):
            with pytest.raises(BrokenPipeError):
                await loop.sock_sendall(client, b"x")
        client.close()
        listener.close()

    run(kind, main)


@every_loop
def test_a_closed_socket_has_no_names(kind):
    async def main():
        listener, theirs, client = await connected(kind)
        for sock in (client, theirs, listener):
            sock.close()
            for call in (sock.getsockname, sock.getpeername):
                with pytest.raises(OSError) as caught:
                    call()
                assert caught.value.errno == errno.EBADF

    run(kind, main)


@every_loop
def test_to_connect_to_no_address_is_to_connect_to_this_host(kind):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "0.0.0.0", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "0.0.0.0", port)
        assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        transport.close()
        server.close()

    run(kind, main)


@every_loop
def test_a_transports_socket_is_not_waited_for(kind):
    """It would wait for ever: the transport has the events."""
    async def main():
        loop = asyncio.get_running_loop()
        _listener, _theirs, client = await connected(kind)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=client)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="is used by"):
            await asyncio.wait_for(loop.sock_recv(client, 5), 1)
        transport.close()

    run(kind, main)


def forget(sockets):
    sockets.clear()
    gc.collect()


@every_loop
def test_a_socket_that_is_forgotten_is_closed_with_a_warning_and_what_it_sent_arrives(kind):
    async def main():
        loop = asyncio.get_running_loop()
        listener, theirs, client = await connected(kind)
        await loop.sock_sendall(client, b"last words")
        forgotten = [client]
        del client
        with pytest.warns(ResourceWarning, match="unclosed"):
            forget(forgotten)
        assert await loop.sock_recv(theirs, 50) == b"last words"
        assert await loop.sock_recv(theirs, 50) == b""
        theirs.close()
        listener.close()

    run(kind, main)


def test_memory_of_any_shape_is_sent():
    async def main():
        loop = asyncio.get_running_loop()
        listener, theirs, client = await connected(Ours)
        numbers = array.array("i", [1, 2, 3])
        assert client.send(numbers) == 12
        assert await loop.sock_recv(theirs, 50) == numbers.tobytes()
        for sock in (listener, theirs, client):
            sock.close()

    run(Ours, main)


@every_loop
def test_calls_at_the_wrong_time_or_with_the_wrong_arguments(kind):
    """Each is answered as by the host: programs look at the errno; what cannot be stored must not be taken."""
    def told(call):
        try:
            return call()
        except OSError as error:
            return errno.errorcode[error.errno]
        except (TypeError, ValueError) as error:
            return type(error).__name__

    async def main():
        loop = asyncio.get_running_loop()
        listener, theirs, client = await connected(kind)
        fresh, port = made(kind), made(kind, socket.SOCK_DGRAM)
        assert [told(lambda sock=sock: sock.send(b"x")) for sock in (fresh, listener, port)] == [
            "EPIPE", "EPIPE", "EDESTADDRREQ"]
        assert [told(sock.accept) for sock in (fresh, client, port)] == ["EINVAL", "EINVAL", "ENOTSUP"]
        assert told(lambda: client.shutdown(7)) == "EINVAL"
        await loop.sock_sendall(theirs, b"kept")
        await asyncio.sleep(0.01)
        assert [told(lambda: client.recv(-1)), told(lambda: client.recv_into(bytes(4))),
                told(lambda: client.recv_into(bytearray(4), 5))] == ["ValueError", "TypeError", "ValueError"]
        assert client.recv(10) == b"kept"
        assert [told(lambda host=host: made(kind).bind((host, 0))) for host in (b"127.0.0.1", None, 5)] == [
            None, "TypeError", "TypeError"]
        assert told(lambda: fresh.connect(listener.getsockname())) == "EINPROGRESS"
        await asyncio.sleep(0.01)
        assert [fresh.connect_ex(listener.getsockname()) for _ in range(2)] == [0, errno.EISCONN]
        for sock in (listener, theirs, client, fresh, port):
            sock.close()

    run(kind, main)
