"""A client of the control protocol, blocking, for the command line; its errors say what to do."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from types import TracebackType

from netos.control.sockets import tcp_address
from netos.errors import NetosError

ANSWER = re.compile(r"(\d\d\d)([ -])(.*)")
TIMEOUT = 10.0


class ControlError(NetosError):
    """The appliance refused; `code` is the ControlSocket's, 0 when there is no appliance to refuse anything."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class ControlClient:
    """A connection to the appliance at a path or HOST:PORT; a context manager. Text is one character a byte."""

    def __init__(self, where: str, timeout: float = TIMEOUT) -> None:
        self.where = where
        self.socket = connect(where, timeout)
        self._stream = self.socket.makefile("rb")
        greeting = self._line()
        if not greeting.startswith("Click::ControlSocket/1."):
            self.close()
            raise ControlError(f"what listens at {where} does not speak the control protocol: {greeting[:80]}")

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self.socket.close()

    def read(self, handler: str, argument: str = "") -> str:
        """The value of a read handler; raises ControlError."""
        data = argument.encode("latin-1")
        self._ask(f"READDATA {word(handler)} {len(data)}" if data else f"READ {word(handler)}", data)
        kind, _, length = self._line().partition(" ")
        if kind != "DATA" or not length.isdecimal():
            raise ControlError(f"the appliance at {self.where} broke off its answer")
        return self._exactly(int(length)).decode("latin-1")

    def write(self, handler: str, text: str = "") -> str:
        """Write to a handler; what the appliance says to that. Raises ControlError."""
        data = text.encode("latin-1")
        return self._ask(f"WRITEDATA {word(handler)} {len(data)}", data)

    def _ask(self, command: str, data: bytes) -> str:
        try:
            self.socket.sendall(command.encode("latin-1") + b"\n" + data)
        except OSError as error:
            raise self._lost(error) from None
        lines = []
        while True:
            match = ANSWER.fullmatch(self._line())
            if match is None:
                raise ControlError(f"the appliance at {self.where} gave no answer that can be understood")
            lines.append(match[3])
            if match[2] == " ":
                break
        text = "\n".join(lines)
        if not match[1].startswith("2"):
            raise ControlError(text, int(match[1]))
        return text

    def _line(self) -> str:
        try:
            line = self._stream.readline(1 << 20)
        except OSError as error:
            raise self._lost(error) from None
        if not line.endswith(b"\n"):
            raise self._lost(None)
        return line.decode("latin-1").rstrip("\r\n")

    def _exactly(self, length: int) -> bytes:
        try:
            data = self._stream.read(length)
        except OSError as error:
            raise self._lost(error) from None
        if len(data) < length:
            raise self._lost(None)
        return data

    def _lost(self, error: OSError | None) -> ControlError:
        if isinstance(error, TimeoutError):
            return ControlError(f"the appliance at {self.where} does not answer; is it stopped, or overloaded?")
        return ControlError(f"the appliance at {self.where} closed the connection")


def word(handler: str) -> str:
    """A handler's name, which must be one word."""
    if not handler or any(character.isspace() for character in handler):
        raise ControlError(f"'{handler}' is no handler: ELEMENT.NAME, or NAME for a global one", 500)
    return handler


def connect(where: str, timeout: float) -> socket.socket:
    """A connected socket; raises ControlError."""
    address = tcp_address(where)
    try:
        if address is not None:
            return socket.create_connection(address, timeout)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Python's own time-outs do not wait for a place in a queue of clients that is full: the kernel's do.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(
                "ll", int(timeout), int(timeout % 1 * 1e6)))
            made.connect(where)
            made.settimeout(timeout)
        except OSError:
            made.close()
            raise
        return made
    except OSError as error:
        raise ControlError(explain(where, error)) from None


def explain(where: str, error: OSError) -> str:
    """Why nobody can be reached, and what to do."""
    start = "start one with 'netos run FILE', or say where it is with --socket or --name"
    if error.errno == errno.ENOENT:
        return f"no appliance is running at {where}: {start}"
    if error.errno == errno.ECONNREFUSED:
        return f"no appliance is running at {where} any more: {start}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"you may not use {where}: {permission_hint(where)}"
    if error.errno == errno.EAGAIN:
        return f"the appliance at {where} is busy with other clients: try again"
    return f"cannot reach {where}: {error.strerror or error}"


def permission_hint(path: str) -> str:
    """Who may use a socket."""
    import grp

    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
        return f"only its owner and the group {group} may; become a member ('usermod -a -G {group} USER'), or use sudo"
    except (OSError, KeyError):
        return "only its owner and its group may; become a member of the group, or use sudo"
