"""Metrics over HTTP (RFC 9112, GET and HEAD only) on an asyncio loop: /metrics for Prometheus, /json, /healthz.

One request a connection. What a client may send, how long it may take, and how many there are at once is bounded.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from netos.control.access import Access
from netos.control.counters import snapshot
from netos.control.metrics import CONTENT_TYPE, prometheus
from netos.control.server import open_socket
from netos.control.sockets import remove_path

REQUEST_LIMIT = 1 << 14         # bytes of a request's head
PATIENCE = 10.0                 # seconds for a whole exchange
CLIENTS_MAX = 32
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error",
           503: "Service Unavailable"}
PAGES = "/metrics (Prometheus), /json (the same numbers), /healthz"
PLAIN = "text/plain; charset=utf-8"

log = logging.getLogger("netos.control")


class MetricsServer:
    """Answers requests about one appliance."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.clients = 0

    def page(self, target: str) -> tuple[int, str, str]:
        """Status, content type and text of what is at a path."""
        path = target.partition("?")[0]
        if path == "/metrics":
            return 200, CONTENT_TYPE, prometheus(self.counts())
        if path == "/json":
            return 200, "application/json", json.dumps(self.counts()) + "\n"
        if path == "/healthz":
            running = self.access.router is not None
            return 200 if running else 503, PLAIN, "ok\n" if running else "no router is running\n"
        return 404, PLAIN, f"There is nothing at {path[:80]}; there are {PAGES}\n"

    def counts(self) -> dict[str, object]:
        """A snapshot taken between two batches."""
        with self.access.paused():
            return snapshot(self.access)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.clients += 1
        try:
            async with asyncio.timeout(PATIENCE):
                if self.clients > CLIENTS_MAX:
                    writer.write(response("GET", 503, PLAIN, "too many requests at once\n"))
                else:
                    writer.write(await self.answer(reader))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError):
            writer.transport.abort()
        finally:
            self.clients -= 1
            writer.close()

    async def answer(self, reader: asyncio.StreamReader) -> bytes:
        """Read a request, and make the response to it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return response("GET", 400, PLAIN, "that is no HTTP request\n")
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
            return response("GET", 400, PLAIN, "that is no HTTP request\n")
        method, target = words[:2]
        if method not in ("GET", "HEAD"):
            return response(method, 405, PLAIN, "only GET and HEAD are answered\n")
        try:
            return response(method, *self.page(target))
        except Exception as error:
            log.exception("metrics: %s failed", target)
            return response(method, 500, PLAIN, f"{type(error).__name__}: {error}\n")


def response(method: str, status: int, content_type: str, text: str) -> bytes:
    """A whole response; HEAD gets no content."""
    content = text.encode()
    head = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Type: {content_type}", f"Content-Length: {len(content)}",
            "Cache-Control: no-store", "Connection: close"]
    if status == 405:
        head.append("Allow: GET, HEAD")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else content)


@asynccontextmanager
async def serve_metrics(access: Access, where: str | Sequence[socket.socket]) -> AsyncIterator[list[socket.socket]]:
    """Serve metrics at HOST:PORT, at a path, or on sockets, as long as the context lasts; the sockets it listens on.

    Raises NetosError when that place cannot be had.
    """
    sockets = [open_socket(where)] if isinstance(where, str) else list(where)
    paths = [given.getsockname() for given in sockets if given.family == socket.AF_UNIX]
    metrics = MetricsServer(access)
    servers = [await (asyncio.start_unix_server if given.family == socket.AF_UNIX else asyncio.start_server)(
        metrics.serve, sock=given, limit=REQUEST_LIMIT) for given in sockets]
    try:
        yield sockets
    finally:
        for server in servers:
            server.close()
        for path in paths:
            remove_path(path)
