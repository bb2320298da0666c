"""loop.sock_*: for sockets of the stack here, for the host's sockets what the loop does anyway."""

from __future__ import annotations

import asyncio
import socket
from asyncio import SendfileNotAvailableError
from collections.abc import Callable
from typing import Any

from netos.aio.sockets import StackSocket

SENDFILE_BLOCK = 256 * 1024
AGAIN = 0.001           # seconds until a datagram is tried again for which the link had no room


class SockMixin:
    """The sock_* coroutines of an event loop."""

    async def _until(self, sock: StackSocket, operation: Callable[..., Any], *arguments: Any) -> Any:
        """What the operation returns, as soon as it does not block."""
        loop: Any = self
        while True:
            try:
                return operation(*arguments)
            except (BlockingIOError, InterruptedError):
                await sock.changed(loop)

    def _check(self, sock: StackSocket) -> None:
        loop: Any = self
        if loop.get_debug() and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

    async def sock_recv(self, sock: Any, nbytes: int) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_recv(sock, nbytes)                            # type: ignore[misc]
        self._check(sock)
        return await self._until(sock, sock.recv, nbytes)

    async def sock_recv_into(self, sock: Any, buf: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_recv_into(sock, buf)                          # type: ignore[misc]
        self._check(sock)
        return await self._until(sock, sock.recv_into, buf)

    async def sock_recvfrom(self, sock: Any, bufsize: int) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_recvfrom(sock, bufsize)                       # type: ignore[misc]
        self._check(sock)
        return await self._until(sock, sock.recvfrom, bufsize)

    async def sock_recvfrom_into(self, sock: Any, buf: Any, nbytes: int = 0) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_recvfrom_into(sock, buf, nbytes)              # type: ignore[misc]
        self._check(sock)
        return await self._until(sock, sock.recvfrom_into, buf, nbytes or len(buf))

    async def sock_sendall(self, sock: Any, data: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_sendall(sock, data)                           # type: ignore[misc]
        self._check(sock)
        rest = memoryview(data).cast("B")
        while len(rest):
            rest = rest[await self._until(sock, sock.send, rest):]
        return None

    async def sock_sendto(self, sock: Any, data: Any, address: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_sendto(sock, data, address)                   # type: ignore[misc]
        self._check(sock)
        while True:
            try:
                return sock.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                await asyncio.sleep(AGAIN)

    async def sock_accept(self, sock: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_accept(sock)                                  # type: ignore[misc]
        self._check(sock)
        connection, address = await self._until(sock, sock.accept)
        connection.setblocking(False)
        return connection, address

    async def sock_connect(self, sock: Any, address: Any) -> Any:
        if not isinstance(sock, StackSocket):
            return await super().sock_connect(sock, address)                        # type: ignore[misc]
        self._check(sock)
        loop: Any = self
        resolved = await loop._ensure_resolved(address, family=socket.AF_INET, type=sock.type, proto=sock.proto,
                                               loop=loop)
        address = resolved[0][4]
        try:
            sock.connect(address)
            return None
        except (BlockingIOError, InterruptedError):
            pass
        while sock.connecting:
            await sock.changed(loop)
        error = sock.connect_error()
        if error:
            raise OSError(error, f"Connect call failed {address}")
        return None

    async def sock_sendfile(self, sock: Any, file: Any, offset: int = 0, count: int | None = None, *,
                            fallback: bool | None = True) -> int:
        if not isinstance(sock, StackSocket):
            sent: int = await super().sock_sendfile(sock, file, offset, count, fallback=fallback)   # type: ignore[misc]
            return sent
        self._check(sock)
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if sock.type != socket.SOCK_STREAM:
            raise ValueError("only SOCK_STREAM type sockets are supported")
        if (count is not None and count <= 0) or offset < 0:
            raise ValueError(f"count must be positive and offset not negative (got {count!r} and {offset!r})")
        if not fallback:
            raise SendfileNotAvailableError("a socket of the stack has no sendfile system call")
        return await self._read_and_send(sock, file, offset, count)

    async def _read_and_send(self, sock: StackSocket, file: Any, offset: int, count: int | None) -> int:
        loop: Any = self
        file.seek(offset)
        sent = 0
        try:
            while count is None or sent < count:
                block = SENDFILE_BLOCK if count is None else min(SENDFILE_BLOCK, count - sent)
                data = await loop.run_in_executor(None, file.read, block)
                if not data:
                    break
                await self.sock_sendall(sock, data)
                sent += len(data)
        finally:
            file.seek(offset + sent)
        return sent
