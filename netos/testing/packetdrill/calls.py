"""System calls of scripts, as POSIX has them: generators that yield while they would block, and return the result.

What is yielded is the time at which the call gives up, None when it does not. Errors are OSError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket as host
from collections.abc import Callable, Generator

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.packetdrill.nodes import Ellipsis3, Struct, Word
from netos.testing.packetdrill.sockets import CONNECTING, Refused, Socket, Sockets, fail, number, written

Result = Generator[int | None, None, "int | Socket"]
SEND_FLAGS = host.MSG_DONTWAIT | host.MSG_NOSIGNAL | host.MSG_MORE | host.MSG_OOB
RECEIVE_FLAGS = host.MSG_DONTWAIT | host.MSG_NOSIGNAL
SWITCHES = ("TCP_NODELAY", "TCP_CORK", "SO_KEEPALIVE")
NUMBERS = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT", "IP_TOS")
HARMLESS = ("SO_REUSEADDR", "SO_REUSEPORT", "IP_RECVERR", "SO_PRIORITY", "SO_MARK")
BUFFERS = {"SO_RCVBUF": "receive_buffer", "SO_SNDBUF": "send_buffer"}      # of connections that begin later
LONGEST = 1 << 26
OPTION_LEVELS = {"TCP": (host.IPPROTO_TCP,), "SO": (host.SOL_SOCKET,), "IP": (host.IPPROTO_IP,)}


class Mismatch(Exception):
    """A call did something else than the script says."""


def once(result: int | Socket) -> Result:
    """A call that never blocks."""
    return result
    yield


class Calls:
    """The calls, by their names."""

    def __init__(self, sockets: Sockets) -> None:
        self.sockets = sockets
        self.stack = sockets.stack

    def begin(self, name: str, arguments: list[object]) -> Result:
        """Begin a call; raises Refused when there is none of that name, or its arguments make no sense."""
        found: Callable[..., Result] | None = getattr(self, f"do_{name}", None)
        if found is None:
            known = sorted(name[3:] for name in dir(self) if name.startswith("do_"))
            raise Refused(f"there is no system call '{name}' here: there are {', '.join(known)}")
        try:
            return found(*arguments)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise Refused(f"{name}() has a wrong number of arguments") from error
            raise

    # Opening

    def do_socket(self, domain: object, kind: object, protocol: object = 0) -> Result:
        if not isinstance(domain, Ellipsis3) and number(domain) != host.AF_INET:
            raise Refused("the stack has IPv4 only: AF_INET, or ...")
        wanted = number(kind)
        nonblocking = bool(wanted & host.SOCK_NONBLOCK)
        wanted &= ~(host.SOCK_NONBLOCK | host.SOCK_CLOEXEC)
        if wanted not in (host.SOCK_STREAM, host.SOCK_DGRAM):
            raise Refused("a socket here is a SOCK_STREAM or a SOCK_DGRAM")
        return once(Socket(wanted == host.SOCK_STREAM, nonblocking))

    def do_bind(self, fd: object, address: object, length: object = None) -> Result:
        opened = self.sockets[fd]
        opened.local = self.sockets.address(address, self.sockets.addresses.local, self.sockets.bind_port)
        if not opened.stream:
            opened.udp = UdpEndpoint(self.stack, opened.local)
            self.sockets.begin(opened.udp.local[1], self.sockets.connect_port)
        return once(0)

    def do_listen(self, fd: object, backlog: object) -> Result:
        opened = self.sockets[fd]
        if opened.listener is None:
            local = opened.local or ("0.0.0.0", 0)
            opened.listener = TcpListener(self.stack, local, number(backlog))
        self.sockets.listened = True
        return once(0)

    def do_accept(self, fd: object, address: object = None, length: object = None, flags: object = 0) -> Result:
        opened = self.sockets[fd]
        if opened.listener is None:
            raise fail(errno.EINVAL)
        while (endpoint := opened.listener.accept()) is None:
            if opened.nonblocking:
                raise fail(errno.EAGAIN)
            yield None
        made = Socket(True, bool(number(flags) & host.SOCK_NONBLOCK), endpoint=endpoint, options=dict(opened.options))
        made.apply()
        self.sockets.last = made
        return made

    do_accept4 = do_accept

    def do_connect(self, fd: object, address: object, length: object = None) -> Result:
        opened = self.sockets[fd]
        remote = self.sockets.address(address, self.sockets.addresses.remote, self.sockets.connect_port)
        if not opened.stream:
            opened.udp = opened.udp or UdpEndpoint(self.stack, opened.local)
            opened.udp.connect(remote)
            self.sockets.begin(opened.udp.local[1], remote[1])
            return 0
        if opened.endpoint is None:
            opened.endpoint = TcpEndpoint(self.stack, remote, opened.local)
            self.sockets.begin(opened.endpoint.local[1], remote[1])
            opened.apply()
            if opened.nonblocking:
                raise fail(errno.EINPROGRESS)
        elif opened.endpoint.state in CONNECTING:
            raise fail(errno.EALREADY)
        while opened.endpoint.state in CONNECTING:
            yield None
        if error := opened.take_error():
            raise fail(error)
        if opened.nonblocking:
            raise fail(errno.EISCONN)
        return 0

    # Receiving

    def receive(self, opened: Socket, limit: int, flags: int) -> Generator[int | None, None, bytes]:
        waits = not opened.nonblocking and not flags & host.MSG_DONTWAIT
        if flags & ~RECEIVE_FLAGS:
            raise Refused("of recv()'s flags there are MSG_DONTWAIT and MSG_NOSIGNAL")
        if not opened.stream:
            opened.udp = opened.udp or UdpEndpoint(self.stack)
            while (got := opened.peek()) is None:
                if not waits:
                    raise fail(errno.EAGAIN)
                yield None
            opened.datagram = None
            if isinstance(got, OSError):
                raise got
            return got[0][:limit]
        endpoint = opened.connection()
        while not endpoint.readable:
            if error := opened.take_error():
                raise fail(error)
            if endpoint.finished or opened.read_closed or endpoint.state in ("CLOSED", "TIME-WAIT"):
                return b""
            if not waits:
                raise fail(errno.EAGAIN)
            yield None
        return endpoint.receive(limit)

    def do_read(self, fd: object, content: object, limit: object, flags: object = 0, *address: object) -> Result:
        data = yield from self.receive(self.sockets[fd], number(limit), number(flags))
        if isinstance(content, str) and data != content.encode("latin-1")[:len(data)]:
            raise Mismatch(f"{data!r} was read, not {content.encode('latin-1')!r}")
        return len(data)

    do_recv = do_recvfrom = do_read

    def do_readv(self, fd: object, vector: object, count: object = None, flags: object = 0) -> Result:
        room = sum(length for _content, length in pieces(vector))
        data = yield from self.receive(self.sockets[fd], room, number(flags))
        return len(data)

    def do_recvmsg(self, fd: object, message: object, flags: object = 0) -> Result:
        return self.do_readv(fd, message_vector(message), None, flags)

    # Sending

    def send(self, opened: Socket, data: bytes, flags: int, remote: tuple[str, int] | None = None) -> Result:
        if flags & ~SEND_FLAGS:
            raise Refused("of send()'s flags there are MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE and MSG_OOB")
        if not opened.stream:
            if opened.udp is None:
                opened.udp = UdpEndpoint(self.stack, opened.local)
            opened.udp.broadcast = bool(opened.options.get("SO_BROADCAST"))
            if remote is not None:
                self.sockets.begin(opened.udp.local[1], remote[1])
            opened.udp.send(data, remote)
            return len(data)
        endpoint, sent = opened.connection(), 0
        waits = not opened.nonblocking and not flags & host.MSG_DONTWAIT
        while endpoint.state in CONNECTING:
            if not waits:
                raise fail(errno.EAGAIN)
            yield None
        if bool(flags & host.MSG_MORE) != opened.more:
            opened.more = not opened.more
            endpoint.corked = opened.more or bool(opened.options.get("TCP_CORK"))
        while True:
            if error := opened.take_error():
                raise fail(error)
            if opened.write_closed or endpoint.state == "CLOSED":
                raise fail(errno.EPIPE)
            sent += endpoint.send(data[sent:], urgent=bool(flags & host.MSG_OOB))
            if sent == len(data) or (sent and not waits):
                return sent
            if not waits:
                raise fail(errno.EAGAIN)
            yield None

    def do_write(self, fd: object, content: object, length: object, flags: object = 0) -> Result:
        return self.send(self.sockets[fd], payload(content, number(length)), number(flags))

    do_send = do_write

    def do_sendto(self, fd: object, content: object, length: object, flags: object, address: object,
                  size: object = None) -> Result:
        opened = self.sockets[fd]
        remote = None
        if not opened.stream and not (opened.udp is not None and opened.udp.remote):
            remote = self.sockets.address(address, self.sockets.addresses.remote, self.sockets.connect_port)
        return self.send(opened, payload(content, number(length)), number(flags), remote)

    def do_writev(self, fd: object, vector: object, count: object = None, flags: object = 0) -> Result:
        return self.send(self.sockets[fd], b"".join(payload(*piece) for piece in pieces(vector)), number(flags))

    def do_sendmsg(self, fd: object, message: object, flags: object = 0) -> Result:
        return self.do_writev(fd, message_vector(message), None, flags)

    # Ending

    def do_shutdown(self, fd: object, how: object) -> Result:
        opened, which = self.sockets[fd], number(how)
        endpoint = opened.connection()
        if endpoint.state in ("CLOSED", *CONNECTING):
            raise fail(errno.ENOTCONN)
        if which in (host.SHUT_WR, host.SHUT_RDWR) and not opened.write_closed:
            opened.write_closed = True
            endpoint.shutdown()
        opened.read_closed |= which in (host.SHUT_RD, host.SHUT_RDWR)
        return once(0)

    def do_close(self, fd: object) -> Result:
        opened = self.sockets[fd]
        del self.sockets.open[number(fd)]
        if opened.endpoint is not None:
            if opened.options.get("SO_LINGER") == 0:
                opened.endpoint.abort()
            else:
                opened.endpoint.close()
        if opened.listener is not None:
            opened.listener.close()
        if opened.udp is not None:
            opened.udp.close()
        return once(0)

    # Settings

    def do_fcntl(self, fd: object, command: object, value: object = 0) -> Result:
        opened = self.sockets[fd]
        if number(command) == fcntl.F_GETFL:
            return once(os.O_RDWR | (os.O_NONBLOCK if opened.nonblocking else 0))
        if number(command) != fcntl.F_SETFL:
            raise Refused("of fcntl()'s commands there are F_GETFL and F_SETFL")
        opened.nonblocking = bool(number(value) & os.O_NONBLOCK)
        return once(0)

    def do_ioctl(self, fd: object, request: object, value: object) -> Result:
        opened, wanted = self.sockets[fd], number(request)
        endpoint = opened.connection()
        if wanted not in (0x541B, 0x5411):
            raise Refused("of ioctl()'s requests there are SIOCINQ and SIOCOUTQ")
        compare(value, endpoint.readable if wanted == 0x541B else endpoint.unsent, written(request))
        return once(0)

    def do_setsockopt(self, fd: object, level: object, option: object, value: object, length: object = None) -> Result:
        opened, name = self.sockets[fd], option_name(level, option)
        content = value[0] if isinstance(value, list) and value else value
        if name == "SO_LINGER":
            if not isinstance(content, Struct) or not {"onoff", "linger"} <= content.fields.keys():
                raise Refused("SO_LINGER is given as {onoff=1, linger=0}")
            if number(content.fields["onoff"]):
                opened.options[name] = number(content.fields["linger"])
            else:
                opened.options.pop(name, None)
        elif name in HARMLESS:
            number(content)
        elif name == "TCP_CONGESTION":
            if value not in ("reno", ["reno"]):
                raise OSError(errno.ENOENT, "the stack's congestion control is reno")
        elif name in BUFFERS:
            if opened.endpoint is not None or opened.listener is not None:
                raise Refused(f"here {name} is set before connect() and listen()")
            self.stack.configure_tcp(**{BUFFERS[name]: number(content)})        # type: ignore[arg-type]
        elif name in SWITCHES or name in NUMBERS or name == "SO_BROADCAST":
            opened.options[name] = number(content)
            opened.apply()
        else:
            raise unknown_option(name, "TCP_CONGESTION", "SO_LINGER", *BUFFERS, *HARMLESS)
        return once(0)

    def do_getsockopt(self, fd: object, level: object, option: object, value: object, length: object = None) -> Result:
        opened, name = self.sockets[fd], option_name(level, option)
        if name == "SO_ERROR":
            found = opened.take_error()
        elif name == "TCP_MAXSEG":
            found = int(opened.connection().facts["mss"])
        elif name in SWITCHES or name in NUMBERS or name == "SO_BROADCAST":
            found = opened.options.get(name, {"TCP_KEEPIDLE": 7200, "TCP_KEEPINTVL": 75, "TCP_KEEPCNT": 9}.get(name, 0))
        else:
            raise unknown_option(name, "SO_ERROR", "TCP_MAXSEG")
        compare(value, found, name)
        return once(0)

    def do_poll(self, wanted: object, count: object, timeout: object) -> Result:
        if not isinstance(wanted, list) or not all(isinstance(one, Struct) for one in wanted):
            raise Refused("poll() takes [{fd=3, events=POLLIN, revents=POLLIN}, …]")
        milliseconds = number(timeout)
        until = None if milliseconds < 0 else self.stack.now + milliseconds * 1_000_000
        while True:
            found = [self.sockets[one.fields["fd"]].ready()
                     & (number(one.fields.get("events", 0)) | select.POLLERR | select.POLLHUP) for one in wanted]
            if any(found) or (until is not None and self.stack.now >= until):
                break
            yield until
        for one, events in zip(wanted, found):
            expected = one.fields.get("revents", Ellipsis3())
            if not isinstance(expected, Ellipsis3) and number(expected) != events:
                raise Mismatch(f"revents of {written(one.fields['fd'])} is {events_text(events)}, "
                               f"not {events_text(number(expected))}")
        return sum(events != 0 for events in found)


def option_name(level: object, option: object) -> str:
    """The name of a socket option; raises ENOPROTOOPT when it is at the wrong level."""
    number(option)
    if not isinstance(option, Word):
        raise Refused("socket options are written by their names")
    levels = OPTION_LEVELS.get(option.name.split("_")[0], ())
    if number(level) not in levels:
        raise OSError(errno.ENOPROTOOPT, f"{option.name} is not of the level {written(level)}")
    return option.name


def unknown_option(name: str, *known: str) -> OSError:
    """The exception for a socket option that the stack does not have."""
    there_are = ", ".join(sorted({*known, *SWITCHES, *NUMBERS, "SO_BROADCAST"}))
    return OSError(errno.ENOPROTOOPT, f"{name} is not known here: there are {there_are}")


def compare(value: object, found: int, what: str) -> None:
    """Whether a call's [value] is what the script says."""
    expected = value[0] if isinstance(value, list) and value else value
    if not isinstance(expected, Ellipsis3) and number(expected) != found:
        raise Mismatch(f"{what} is {found}, not {number(expected)}")


def payload(content: object, length: int) -> bytes:
    """The bytes that a script sends: as written, filled up with zeros."""
    if not 0 <= length <= LONGEST:
        raise Refused(f"a call sends up to {LONGEST} bytes, not {length}")
    if isinstance(content, Ellipsis3):
        return bytes(length)
    if isinstance(content, str):
        return content.encode("latin-1")[:length].ljust(length, b"\0")
    raise Refused(f"data is `...` or a string, not {written(content)}")


def pieces(vector: object) -> list[tuple[object, int]]:
    """The parts of [{..., 1000}, {"abc", 3}]."""
    if not isinstance(vector, list) or not all(isinstance(one, Struct) and len(one.fields) == 2 for one in vector):
        raise Refused("a vector of buffers is written [{..., 1000}, {..., 500}]")
    return [(content, number(length)) for content, length in (one.fields.values() for one in vector)]


def message_vector(message: object) -> object:
    """The buffers of a msghdr."""
    found = message.fields.get("msg_iov") if isinstance(message, Struct) else None
    if found is None:
        raise Refused("a message is written {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}")
    return found


def events_text(events: int) -> str:
    """Bits of poll(), by their names."""
    known = ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP")
    names = [name for name in known if events & getattr(select, name)]
    return "|".join(names) or "0"
