"""HttpFileServer: the files of a folder over HTTP/1.1 (RFC 9110, RFC 9112)."""

from __future__ import annotations

import errno
import os
from http import HTTPStatus
from typing import Annotated

from elements.host.connection import Connection
from elements.host.http_files import Elsewhere, OpenFile, open_file
from elements.host.http_request import (
    HEAD_MAX,
    Request,
    RequestError,
    answer_head,
    is_the_version,
    parse_head,
    precondition,
    wanted_range,
)
from elements.host.serving import IDLE, TURN, Server, ServerPort
from netos.args import Bool, FileName, Integer, Seconds, Word
from netos.errors import NetosError
from netos.proto.endpoints import TcpEndpoint

CHUNK = 65536
DATE_MOST = 253402300799        # the last second of the year 9999


class Browsing(Connection):
    """Answers requests, one after the other."""

    server: HttpFileServer

    def __init__(self, server: HttpFileServer, endpoint: TcpEndpoint) -> None:
        super().__init__(server, endpoint)
        self.head = bytearray()
        self.file: OpenFile | None = None
        self.at = self.end = 0
        self.keep = True
        endpoint.no_delay = True

    def proceed(self) -> None:
        for _ in range(TURN):
            if self.file is not None:
                if not self.send_file():
                    return
            elif not self.keep:
                self.finish()
                return
            elif not self.next_request():
                if self.over and not self.waiting:
                    self.close()
                return
        self.server.again(self)

    def send_file(self) -> bool:
        """Send what is left of the file; whether all of it was taken."""
        assert self.file is not None
        while self.at < self.end:
            data = self.file.read(self.at, min(CHUNK, self.end - self.at))
            if not data:                        # it has become shorter than was promised
                raise ConnectionError(self.file.tag)
            self.at += len(data)
            if not self.send(data):
                return False
        self.let_go()
        return True

    def next_request(self) -> bool:
        """Answer the next request, if it is there and the answer is taken."""
        searched, come = 0, bool(self.head)
        while True:
            while self.head.startswith(b"\r\n"):        # RFC 9112 section 2.2
                del self.head[:2]
                searched = 0
            end = self.head.find(b"\r\n\r\n", searched)
            if end > HEAD_MAX or (end < 0 and len(self.head) > HEAD_MAX):
                return self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            if end >= 0:
                break
            searched = max(len(self.head) - 3, 0)
            data = self.receive()
            if not data:
                if come and self.awaited is None:
                    self.awaited = self.server.now      # all of the head is due in time, not each byte of it
                return False
            come = True
            self.head += data
        self.awaited = None
        head = bytes(self.head[:end])
        del self.head[:end + 4]
        self.server.requests += 1
        try:
            request = parse_head(head)
            self.keep = request.keep
            return self.answer(request)
        except RequestError as error:
            return self.refuse(error.status)

    def answer(self, request: Request) -> bool:
        """Send the answer's head, and as much of the file as is taken."""
        if request.method not in ("GET", "HEAD"):
            return self.say(HTTPStatus.METHOD_NOT_ALLOWED, request, {"Allow": "GET, HEAD"})
        try:
            found = open_file(self.server.root, request.target)
        except Elsewhere as error:
            return self.say(HTTPStatus.MOVED_PERMANENTLY, request, {"Location": error.place})
        except PermissionError:
            return self.say(HTTPStatus.FORBIDDEN, request)
        except (OSError, ValueError) as error:
            full = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
            return self.say(HTTPStatus.SERVICE_UNAVAILABLE if full else HTTPStatus.NOT_FOUND, request)
        self.file = found
        fields = {"Last-Modified": self.server.date(found.modified), "ETag": found.tag, "Accept-Ranges": "bytes"}
        status = precondition(request, found.tag, found.modified)
        if status is HTTPStatus.PRECONDITION_FAILED:
            self.let_go()
            return self.say(status, request)
        if status is HTTPStatus.NOT_MODIFIED:
            self.let_go()
            return self.send(answer_head(status, 0, self.keep, fields, self.server.wall))
        self.at, self.end = 0, found.size
        if request.method == "GET" and "range" in request.fields and is_the_version(
                request.fields.get("if-range", found.tag), found.tag, found.modified):
            try:
                part = wanted_range(request.fields["range"], found.size)
            except RequestError as error:
                self.let_go()
                return self.say(error.status, request, {"Content-Range": f"bytes */{found.size}"})
            if part is not None:
                self.at, self.end = part
                status = HTTPStatus.PARTIAL_CONTENT
                fields["Content-Range"] = f"bytes {self.at}-{self.end - 1}/{found.size}"
        head = answer_head(status, self.end - self.at, self.keep, {"Content-Type": found.kind, **fields},
                           self.server.wall)
        if request.method == "HEAD":
            self.let_go()
        return self.send(head)

    def say(self, status: HTTPStatus, request: Request, fields: dict[str, str] | None = None) -> bool:
        """Answer with a status alone."""
        if status >= HTTPStatus.BAD_REQUEST:
            self.server.failures += 1
        body = f"{status.value} {status.phrase}\n".encode()
        head = answer_head(status, len(body), self.keep, {"Content-Type": "text/plain", **(fields or {})},
                           self.server.wall)
        return self.send(head if request.method == "HEAD" else head + body)

    def refuse(self, status: HTTPStatus) -> bool:
        """Answer what cannot be understood, and close."""
        self.keep = False
        return self.say(status, Request("GET", "", False))

    def let_go(self) -> None:
        """The file is not needed any more."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def expire(self) -> None:
        """Between two requests it ends as after the last: a reset might take the answer from a client not yet through
        with it (RFC 9112 section 9.6)."""
        if self.finishing or self.file is not None or self.waiting or self.endpoint.unsent or self.awaited is not None:
            self.abort()
        else:
            self.keep = False
            self.moved_at = self.server.now
            self.finish()

    def close(self) -> None:
        self.let_go()
        super().close()

    def abort(self) -> None:
        self.let_go()
        super().abort()


class HttpFileServer(Server):
    """Serve the files beneath the folder ROOT over HTTP/1.1 on PORT of a stack.

    GET and HEAD, ranges, dates and tags, index.html for a folder; no lists of files. Links that lead out of ROOT are
    not followed. At most CONNECTIONS at a time, others are refused; one on which nothing moves for IDLE seconds ends
    (0: never), and one whose request has not come whole in that time. ACTIVE false serves nothing. Under a sandbox ROOT
    has to be --readable.
    Handlers: port, root, connections, accepted, refused, timeouts, requests, failures, bytes_in, bytes_out (read),
    close_connections (write).
    """

    connection = Browsing
    handlers = (*Server.handlers, "root", "requests", "failures")
    root = ""

    def configure(self, root: Annotated[str, FileName], port: Annotated[int, ServerPort("tcp")] = 80, *,
                  stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 1024,
                  idle: Annotated[int, Seconds] = IDLE, active: Annotated[bool, Bool] = True) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle
        self.root, self.active = os.path.realpath(root), active
        self.requests = self.failures = 0

    def initialize(self) -> None:
        if self.active and not os.path.isdir(self.root):
            raise NetosError(f"cannot serve {self.root}: it is no folder")
        super().initialize()

    def take_state(self, old: Server) -> None:
        super().take_state(old)
        if isinstance(old, HttpFileServer):
            self.requests, self.failures = old.requests, old.failures

    @property
    def wall(self) -> float:
        """The time of day, in seconds since 1970."""
        from time import time

        return self.now / 1e9 if self.cpu.simulated else time()

    @staticmethod
    def date(seconds: float) -> str:
        """A time as HTTP writes it."""
        from email.utils import formatdate

        return formatdate(min(max(seconds, 0), DATE_MOST), usegmt=True)
