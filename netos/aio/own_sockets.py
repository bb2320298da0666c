"""Sockets of the host's that a program makes itself and gives to its loop: one that connects becomes the stack's."""

from __future__ import annotations

import socket
import sys
import weakref
from collections.abc import Callable
from typing import Any

from netos.aio.options import FLAGS, LINGER, PROBING, TYPE_OF_SERVICE, USER_TIMEOUT
from netos.aio.sockets import StackSocket

CALLS = ("getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "connect", "connect_ex", "recv",
         "recv_into", "recvfrom", "recvfrom_into", "send", "sendall", "sendto")
LINGER_SIZE = 8             # bytes of a struct linger, two ints (socket(7))
OF_THE_LOOP = ("sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall",
               "sock_sendto", "sock_sendfile")


class MovedSocket(socket.socket):
    """A socket.socket that has become the stack's: what it is to do its twin does; its descriptor does nothing."""

    __slots__ = ()

    def close(self) -> None:
        twin, _ = _twins.pop(self, NONE)
        if twin is not None:
            twin.close()
        super().close()


NONE: tuple[Any, Any] = (None, None)
Twin = tuple[StackSocket, "weakref.finalize[Any, Any]"]        # and what closes it when the socket is forgotten
_twins: weakref.WeakKeyDictionary[MovedSocket, Twin] = weakref.WeakKeyDictionary()


def by_twin(name: str) -> Callable[..., Any]:
    """A method of a socket, that asks its twin."""
    def method(self: MovedSocket, *arguments: Any) -> Any:
        twin, _ = _twins.get(self, NONE)
        return getattr(super(MovedSocket, self) if twin is None else twin, name)(*arguments)

    return method


for _name in CALLS:
    setattr(MovedSocket, _name, by_twin(_name))


def twin_of(sock: Any) -> Any:
    """The twin of a socket that has one, else itself."""
    return _twins.get(sock, (sock,))[0] if isinstance(sock, MovedSocket) else sock


def take_twin(sock: Any) -> Any:
    """The same, for a transport to have: the socket has it no more, and is closed."""
    twin = twin_of(sock)
    if twin is not sock:
        _twins.pop(sock)[1].detach()
        sock.close()
    return twin


def may_move(sock: Any) -> bool:
    """Whether it is a socket of the host's that could be the stack's: non-blocking, IPv4, not connected."""
    if type(sock) is not socket.socket or sock.family != socket.AF_INET or sock.gettimeout() != 0:
        return False
    try:
        sock.getpeername()
    except OSError:
        return sock.type in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    return False


def move(sock: Any, twin: StackSocket) -> None:
    """Have the twin do what the socket does; options and a bound port go with it. OSError when it cannot have those."""
    for place in (*FLAGS, *PROBING, USER_TIMEOUT, TYPE_OF_SERVICE):
        try:
            value = sock.getsockopt(*place)
        except OSError:
            continue                        # not of this kind of socket
        twin.setsockopt(*place, value)
    twin.setsockopt(*LINGER, sock.getsockopt(*LINGER, LINGER_SIZE))
    if sock.getsockname()[1]:
        twin.bind(sock.getsockname())
    sock.__class__ = MovedSocket
    guard = weakref.finalize(sock, twin.forget)
    guard.atexit = False
    _twins[sock] = twin, guard


def of_the_host(sock: Any) -> bool:
    """Whether what it does is done by the host's network, and not by the stack."""
    return getattr(sock, "family", None) in (socket.AF_INET, socket.AF_INET6) and not isinstance(sock, StackSocket)


class Adopted:
    """Of a loop whose program does not know where it is.

    A socket that the program makes (aiohttp's client does) and has the loop connect becomes the stack's. Others of the
    host's stay there, and netos says so.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.netos_said: weakref.WeakSet[Any] = weakref.WeakSet()
        super().__init__(*arguments, **options)

    def netos_say(self, what: str, sock: Any, instead: str) -> None:
        """Say, once, that what a socket does is on the host's network."""
        if of_the_host(sock) and sock not in self.netos_said:
            self.netos_said.add(sock)
            print(f"netos exec: the program {what} a socket of its own, {sock.getsockname()}: that is on the host's "
                  f"network, not on netos's; have it {instead} instead", file=sys.stderr)

    async def sock_connect(self, sock: Any, address: Any) -> Any:
        """Connect a socket of the stack in the place of the program's."""
        loop: Any = super()
        if may_move(sock):
            move(sock, loop.stack_socket(sock.family, sock.type, sock.proto))
        self.netos_say("connects by", twin_of(sock), "connect an unconnected, non-blocking IPv4 socket")
        return await loop.sock_connect(twin_of(sock), address)

    async def sock_accept(self, sock: Any) -> Any:
        """sock_accept(), after a warning when that is the host's affair."""
        self.netos_say("serves on", sock, "give host and port to create_server()")
        return await super().sock_accept(sock)                                                  # type: ignore[misc]

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, *, sock: Any = None,
                            **options: Any) -> Any:
        """create_server(), after a warning when the program has made its listening socket itself."""
        self.netos_say("serves on", sock, "give host and port to create_server()")
        return await super().create_server(protocol_factory, host, port, sock=sock, **options)  # type: ignore[misc]

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, *, sock: Any = None,
                                **options: Any) -> Any:
        """create_connection(), after a warning when the program has connected its socket itself."""
        taken = take_twin(sock)
        self.netos_say("connects by", taken, "give host and port to create_connection()")
        return await super().create_connection(protocol_factory, host, port, sock=taken, **options)  # type: ignore[misc]

    async def create_datagram_endpoint(self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, *,
                                       sock: Any = None, **options: Any) -> Any:
        """create_datagram_endpoint(), after a warning when the program has made its socket itself."""
        taken = take_twin(sock)
        self.netos_say("has datagrams by", taken, "give addresses to create_datagram_endpoint()")
        return await super().create_datagram_endpoint(protocol_factory, local_addr, remote_addr,    # type: ignore[misc]
                                                      sock=taken, **options)


def of_twin(name: str) -> Callable[..., Any]:
    """A coroutine function of a loop, that is about the twin of the socket."""
    async def method(self: Any, sock: Any, *arguments: Any, **options: Any) -> Any:
        return await getattr(super(Adopted, self), name)(twin_of(sock), *arguments, **options)

    return method


for _name in OF_THE_LOOP:
    setattr(Adopted, _name, of_twin(_name))
