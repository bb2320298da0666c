"""Sockets that listen for operators: TCP on loopback unless asked for more, UNIX (mode 0660), inherited descriptors."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct

from netos.errors import NetosError

BACKLOG = 16
PORT_TRIES = 12         # of PORT+, as Click's


class ListenError(NetosError):
    """A socket cannot listen; `in_use` says that somebody else does there."""

    def __init__(self, message: str, in_use: bool = False) -> None:
        super().__init__(message)
        self.in_use = in_use


def listen(where: str) -> socket.socket:
    """A socket that listens at HOST:PORT, [HOST]:PORT or a path (anything with a slash, or without a colon)."""
    address = tcp_address(where)
    return listen_tcp(*address) if address else listen_unix(where)


def tcp_address(where: str) -> tuple[str, int] | None:
    """The host and port that a text means; None when it means a path."""
    host, colon, port = where.rpartition(":")
    if not colon or "/" in where or not port.isdecimal() or int(port) > 65535:
        return None
    return host.strip("[]") or "127.0.0.1", int(port)


def listen_tcp(host: str, port: int, *, further: bool = False) -> socket.socket:
    """Listen on a TCP port (0: any free one), or with `further` on the first free one of those after it too."""
    last: OSError | None = None
    for number in range(port, min(port + (PORT_TRIES if further else 1), 65536)):
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, number))
            return begin(listening)
        except OSError as error:
            listening.close()
            last = error
            if error.errno != errno.EADDRINUSE:
                break
    in_use = last is not None and last.errno == errno.EADDRINUSE
    hint = "; another program listens there: stop it, or choose another port" if in_use else ""
    raise ListenError(f"cannot listen on port {port} of {host}: {last.strerror if last else 'no such port'}{hint}",
                      in_use)


def listen_unix(path: str, group: int | None = None) -> socket.socket:
    """Listen on a UNIX socket that its owner and group may use; a dead one in its place is removed."""
    remove_dead(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o660)    # bind takes it over, less the umask: never more open than this
        listening.bind(path)
        os.chmod(path, 0o660)
        if group is not None:
            os.chown(path, -1, group)
        return begin(listening)
    except OSError as error:
        listening.close()
        folder = os.path.dirname(path) or "."
        hint = f"; make the directory {folder} first" if error.errno == errno.ENOENT else \
            f"; you may not write to {folder}" if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise ListenError(f"cannot listen at {path}: {error.strerror or error}{hint}",
                          error.errno == errno.EADDRINUSE) from None


def remove_dead(path: str) -> None:
    """Remove a UNIX socket that nobody listens on any more; refuse when somebody does, or when it is something else."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ListenError(f"cannot listen at {path}: it exists and is no socket; remove it or choose another name")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenError(f"cannot listen at {path}: {error.strerror}") from None
    who = "another program"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(path)
            who = f"process {struct.unpack('3i', trial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]}"
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass
    raise ListenError(f"cannot listen at {path}: {who} listens there; stop it, or choose another name", True)


def inherited(descriptor: int) -> socket.socket:
    """A socket that another program left open for us: one that listens, or a connection."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"descriptor {descriptor} cannot be used: {error.strerror}; "
                          "it must be a stream socket that was open when netos started") from None
    if found.type != socket.SOCK_STREAM:
        found.detach()
        raise ListenError(f"descriptor {descriptor} cannot be used: it is no stream socket")
    found.setblocking(False)
    return found


def is_listening(given: socket.socket) -> bool:
    """Whether a socket accepts connections, rather than being one."""
    return bool(given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def begin(listening: socket.socket) -> socket.socket:
    """Begin to listen, without ever blocking."""
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def close_listening(listening: socket.socket) -> None:
    """Close a socket, and remove the path it listened at."""
    path = listening.getsockname() if listening.family == socket.AF_UNIX else None
    listening.close()
    remove_path(path)


def remove_path(path: object) -> None:
    """Remove the path of a UNIX socket, if it has one."""
    try:
        if isinstance(path, str) and path:
            os.unlink(path)
    except OSError:
        pass
