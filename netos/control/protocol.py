"""Click's ControlSocket protocol, version 1.3, sans-IO: bytes of a client go in, answers come out.

An answer is a line `ddd text` (`ddd-text` when more follow); a successful read is followed by `DATA n`, CRLF and n
bytes. Text is one character a byte. Whatever a client sends, what is kept of it is bounded, and nothing raises.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from netos.control.access import Access, AccessError, Found, resolve
from netos.control.framing import LINE_LIMIT, LineStream, LineTooLong
from netos.errors import NetosError

OK, SYNTAX, UNIMPLEMENTED, REFUSED, TOO_BIG, PERMISSION, UNSPECIFIED = 200, 500, 501, 520, 521, 530, 590
GREETING = b"Click::ControlSocket/1.3\r\n"
DATA_LIMIT = 1 << 22            # bytes of the data after a command
NUMBER = re.compile(r"[0-9]{1,18}")
WORDS = re.compile(r"[ \t\f\v]+")

HELP = """Commands:
READ handler [arguments]         call a read handler, return its value
READDATA handler n               call a read handler with the n bytes that follow
READUNTIL handler [terminator]   call a read handler with the lines that follow, up to the terminator
WRITE handler [arguments]        call a write handler
WRITEDATA handler n              call a write handler with the n bytes that follow
WRITEUNTIL handler [terminator]  call a write handler with the lines that follow, up to the terminator
CHECKREAD handler                say whether there is such a read handler
CHECKWRITE handler               say whether there is such a write handler
QUIT                             close the connection
A handler is ELEMENT.NAME, NUMBER.NAME (elements count from 1), or NAME for a global one."""

log = logging.getLogger("netos.control")
Call = Callable[[str, str], bytes]


def message(code: int, text: str) -> bytes:
    """An answer of one or more lines."""
    lines = text.replace("\r", " ").rstrip("\n").split("\n")
    marked = [f"{code}-{line}\r\n" for line in lines[:-1]] + [f"{code} {lines[-1]}\r\n"]
    return "".join(marked).encode("latin-1", "replace")


class Options:
    """What a server allows; its connections look here for every command. `proxy` names an element: a handler `e.h` is
    then the handler `e.h` of that element."""

    def __init__(self, *, readonly: bool = False, proxy: str = "", data_limit: int = DATA_LIMIT) -> None:
        self.readonly = readonly
        self.proxy = proxy
        self.data_limit = data_limit


class Awaited:
    """A command that waits for the data after its line: a count of bytes, or lines up to a terminator."""

    def __init__(self, name: str, call: Call, missing: int, terminator: str | None = None) -> None:
        self.name = name
        self.call = call
        self.missing = missing
        self.terminator = terminator
        self.data = bytearray()
        self.too_big = False


class ControlProtocol:
    """One client's conversation. `receive` takes bytes, `answer` carries out one command and returns what to send.

    Once `closed` is true nothing more is read: the connection is to be closed when all answers have been sent.
    """

    greeting = GREETING

    def __init__(self, access: Access, options: Options | None = None) -> None:
        self.access = access
        self.options = options if options is not None else Options()
        self.closed = False
        self._stream = LineStream()
        self._awaited: Awaited | None = None
        self._commands: dict[str, Callable[[str], bytes]] = {
            "READ": lambda rest: self._at_once(rest, self._read), "READDATA": lambda rest: self._data(rest, self._read),
            "READUNTIL": lambda rest: self._until(rest, self._read),
            "WRITE": lambda rest: self._at_once(rest, self._write),
            "WRITEDATA": lambda rest: self._data(rest, self._write),
            "WRITEUNTIL": lambda rest: self._until(rest, self._write),
            "CHECKREAD": lambda rest: self._check(rest, self._readable),
            "CHECKWRITE": lambda rest: self._check(rest, self._writable),
            "LLRPC": self._llrpc, "HELP": lambda _: message(OK, HELP), "QUIT": self._quit,
        }
        self._commands |= {alias: self._commands[name] for alias, name in
                           (("GET", "READ"), ("SET", "WRITE"), ("SETDATA", "WRITEDATA"), ("CLOSE", "QUIT"))}

    def receive(self, data: bytes) -> None:
        """Take what a client has sent."""
        if not self.closed:
            self._stream.feed(data)

    def answer(self) -> bytes | None:
        """Carry out commands until one has an answer, and return it; None until more has been received."""
        while not self.closed:
            awaited = self._awaited
            if awaited is not None and awaited.terminator is None:
                if awaited.missing and not len(self._stream):
                    return None
                answer = self._take_data(awaited)
            else:
                try:
                    line = self._stream.line()
                except LineTooLong:
                    return self._close(SYNTAX, f"The line is longer than {LINE_LIMIT} bytes: goodbye")
                if line is None:
                    return None
                answer = self._command(line) if awaited is None else self._take_line(awaited, line)
            if answer:
                return answer
        return None

    # Commands

    def _command(self, line: str) -> bytes:
        verb, rest = split_word(line)
        if not verb:
            return b""
        command = self._commands.get(verb.upper())
        if command is None:
            return message(UNIMPLEMENTED, f"Command '{verb[:40]}' is not implemented; HELP lists those that are")
        return command(rest)

    def _at_once(self, rest: str, call: Call) -> bytes:
        name, text = split_word(rest)
        return self._guard(call, name, text) if name else message(SYNTAX, "The handler's name is missing")

    def _data(self, rest: str, call: Call) -> bytes:
        name, size = split_word(rest)
        if not NUMBER.fullmatch(size):
            return message(SYNTAX, "A handler's name and a number of bytes are wanted")
        self._awaited = Awaited(name, call, int(size))
        self._awaited.too_big = int(size) > self.options.data_limit
        return b""

    def _until(self, rest: str, call: Call) -> bytes:
        name, terminator = split_word(rest)
        if not name:
            return message(SYNTAX, "The handler's name is missing")
        self._awaited = Awaited(name, call, 0, terminator)
        return b""

    def _llrpc(self, rest: str) -> bytes:
        """There are none; the data of one is passed over, so that what follows is understood."""
        name, size = split_word(rest)

        def refuse(_name: str, _text: str) -> bytes:
            return message(UNIMPLEMENTED, "Elements of this router have no LLRPCs; use their handlers")

        if not NUMBER.fullmatch(size):
            return refuse("", "")
        self._awaited = Awaited(name, refuse, int(size))
        return b""

    def _quit(self, _rest: str) -> bytes:
        return self._close(OK, "Goodbye")

    def _close(self, code: int, text: str) -> bytes:
        self.closed = True
        self._stream.clear()
        return message(code, text)

    # Data after the line

    def _take_data(self, awaited: Awaited) -> bytes:
        taken = self._stream.take(awaited.missing) if awaited.missing else b""
        awaited.missing -= len(taken)
        if not awaited.too_big:
            awaited.data += taken
        return b"" if awaited.missing else self._carry_out(awaited)

    def _take_line(self, awaited: Awaited, line: str) -> bytes:
        if line.rstrip(" \t") == awaited.terminator:
            return self._carry_out(awaited)
        if len(awaited.data) + len(line) >= self.options.data_limit:
            awaited.too_big = True
        if awaited.too_big:
            awaited.data.clear()
        else:
            awaited.data += line.encode("latin-1") + b"\n"
        return b""

    def _carry_out(self, awaited: Awaited) -> bytes:
        self._awaited = None
        if awaited.too_big:
            return message(TOO_BIG, f"Data for '{awaited.name}' is too big: at most {self.options.data_limit} bytes")
        return self._guard(awaited.call, awaited.name, awaited.data.decode("latin-1"))

    # Handlers

    def _guard(self, call: Call, name: str, text: str) -> bytes:
        """Call, and make an error an answer."""
        self.access.caller = self
        try:
            return call(name, text)
        except AccessError as error:
            return message(error.code, str(error))
        except NetosError as error:
            return message(REFUSED, f"Error at '{name}':\n{error}")
        except Exception as error:
            log.exception("control: %s failed", name)
            return message(UNSPECIFIED, f"Fault in '{name}':\n{type(error).__name__}: {error}")
        finally:
            self.access.caller = None

    def _find(self, name: str) -> Found:
        return resolve(self.access, f"{self.options.proxy}.{name}" if self.options.proxy else name)

    def _readable(self, name: str) -> Found:
        found = self._find(name)
        if found.handler.read is None:
            raise AccessError(PERMISSION, f"Handler '{name}' can only be written")
        return found

    def _writable(self, name: str) -> Found:
        if self.options.readonly:
            raise AccessError(PERMISSION, f"Permission denied for '{name}': this socket is for reading only")
        found = self._find(name)
        if found.handler.write is None:
            raise AccessError(PERMISSION, f"Handler '{name}' can only be read")
        return found

    def _check(self, rest: str, find: Callable[[str], Found]) -> bytes:
        def check(name: str, _text: str) -> bytes:
            find(name)
            return message(OK, f"{'Read' if find == self._readable else 'Write'} handler '{name}' OK")

        return self._at_once(rest, check)

    def _read(self, name: str, text: str) -> bytes:
        found = self._readable(name)
        if text and not found.handler.read_parameter:
            raise AccessError(REFUSED, f"Read handler '{name}' takes no arguments")
        value = self.access.read(found.path, text).encode("latin-1", "replace")
        return b"%bDATA %d\r\n%b" % (message(OK, f"Read handler '{name}' OK"), len(value), value)

    def _write(self, name: str, text: str) -> bytes:
        self.access.write(self._writable(name).path, text)
        return message(OK, f"Write handler '{name}' OK")


def split_word(text: str) -> tuple[str, str]:
    """The first word of a text, and what follows it without the space around."""
    words = WORDS.split(text.strip(" \t\f\v"), maxsplit=1)
    return words[0], words[1] if len(words) > 1 else ""
