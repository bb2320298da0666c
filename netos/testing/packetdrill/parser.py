"""From the words of a packetdrill script to its events."""

from __future__ import annotations

import ast

from netos.testing.packetdrill.lexer import Token, tokens
from netos.testing.packetdrill.names import ICMP_CODES, ICMP_TYPES
from netos.testing.packetdrill.nodes import (
    CallEvent,
    CodeEvent,
    CommandEvent,
    Either,
    Ellipsis3,
    Event,
    Function,
    Icmp,
    Ip,
    Option,
    PacketEvent,
    Script,
    ScriptError,
    Struct,
    Tcp,
    Time,
    Udp,
    Word,
)

SECOND = 1_000_000_000
LONGEST = 1_000_000                 # seconds
FLAGS = "FSRP.UEW"
ECN = {"noecn": 0, "nonecn": 0, "ect1": 1, "ect01": 1, "ect0": 2, "ce": 3}
OPTION_NAMES = ("mss", "wscale", "sackOK", "sack", "TS", "nop", "eol")
ENCAPSULATIONS = ("ipv4", "ipv6", "gre", "mpls")


def parse(text: str, name: str = "script") -> Script:
    """The script of a text; raises ScriptError."""
    return Parser(text, name).script()


class Parser:
    """Recursive descent; `at` is the next word."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.words = tokens(text, name)
        self.at = 0

    # Words

    @property
    def next(self) -> Token:
        return self.words[self.at]

    def error(self, message: str, token: Token | None = None) -> ScriptError:
        return ScriptError(self.name, (token or self.next).line, message)

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def is_symbol(self, *texts: str) -> bool:
        return self.next.kind in ("symbol", "ellipsis") and self.next.text in texts

    def accept(self, text: str) -> bool:
        found = self.is_symbol(text)
        self.at += found
        return found

    def accept_word(self, *names: str) -> bool:
        found = self.next.kind == "word" and self.next.text in names
        self.at += found
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.error(f"expected '{text}', found '{self.next.text}'")

    def expect_word(self) -> str:
        if self.next.kind != "word":
            raise self.error(f"expected a name, found '{self.next.text}'")
        return self.take().text

    def integer(self) -> int:
        if self.next.kind not in ("number", "hex"):
            raise self.error(f"expected a number, found '{self.next.text}'")
        return int(self.take().text, 0 if self.words[self.at - 1].kind == "hex" else 10)

    # Events

    def script(self) -> Script:
        made = Script(self.name)
        while self.next.kind == "option":
            token = self.take()
            option, _, value = token.text[2:].partition("=")
            made.options[option.replace("-", "_")] = (token.line, value)
        while self.next.kind != "end":
            made.events.append(self.event())
        return made

    def event(self) -> Event:
        line = self.next.line
        time = self.time()
        token = self.next
        if token.kind == "code":
            return CodeEvent(line, time, self.take().text[2:-2].strip())
        if token.kind == "command":
            return CommandEvent(line, time, self.take().text[1:-1].strip())
        if self.is_symbol("<", ">"):
            inbound = self.take().text == "<"
            ip = self.ip()
            return PacketEvent(token.line, time, inbound, self.packet(inbound), ip)
        if token.kind == "word":
            return self.call(token.line, time)
        raise self.error(f"expected a packet ('<', '>'), a system call, '%{{' or '`', found '{token.text}'")

    def seconds(self) -> int:
        if self.next.kind not in ("number", "float"):
            raise self.error(f"expected a time in seconds, found '{self.next.text}'")
        if float(self.next.text) > LONGEST:
            raise self.error(f"{self.next.text} seconds are too long: a time is up to {LONGEST}")
        whole, _, fraction = self.take().text.partition(".")
        return int(whole or "0") * SECOND + int(f"{fraction:0<9}"[:9])

    def time(self) -> Time:
        """`1.5`, `+.2`, `*`, `1~2`, `+1~+2`, with `...TIME` when a call blocks; nothing is `+0`."""
        if self.accept("*"):
            return Time(None)
        relative = self.accept("+")
        if not relative and self.next.kind not in ("number", "float"):
            return Time(0, 0, True)
        start = end = self.seconds()
        if self.accept("~"):
            if self.accept("+") != relative:
                raise self.error("both ends of a range of times are relative ('+'), or none")
            end = self.seconds()
            if end < start:
                raise self.error("this range of times ends before it begins")
        blocking = None
        if self.accept("..."):
            self.accept("+")
            blocking = self.seconds()
            if blocking < start:
                raise self.error("this call would return before it begins")
        return Time(start, end, relative, blocking)

    # Packets

    def ip(self) -> Ip:
        made = Ip()
        while self.is_symbol("[", "("):
            closing = "]" if self.take().text == "[" else ")"
            while not self.accept(closing):
                token = self.next
                name = self.expect_word()
                if name in ECN:
                    made = made._replace(ecn=ECN[name])
                elif name == "tos":
                    made = made._replace(tos=self.integer())
                elif name == "ttl":
                    made = made._replace(ttl=self.integer())
                else:
                    raise self.error(f"'{name}' is not known of IPv4: there are tos, ttl, {', '.join(ECN)}", token)
                self.accept(",")
        return made

    def packet(self, inbound: bool) -> Tcp | Udp | Icmp:
        if self.next.kind == "word" and self.next.text in ENCAPSULATIONS:
            raise self.error(f"packets within '{self.next.text}' are not understood: write the inner packet alone")
        if self.next.kind == "address":
            raise self.error("addresses are not written in packets: scripts have one peer (--remote_ip)")
        if self.accept_word("icmp"):
            return self.icmp()
        if self.accept_word("udp"):
            return self.udp()
        return self.tcp(inbound)

    def udp(self) -> Udp:
        self.expect("(")
        length = self.integer()
        self.expect(")")
        return Udp(length)

    def flags(self) -> str:
        """Letters and the dot of an ACK, written as one word."""
        first = self.next
        text, end = "", first.start
        while self.next.start == end and (self.next.kind in ("word", "number") or self.is_symbol(".")):
            token = self.take()
            text, end = text + token.text, token.end
        if text == "-":
            return ""
        wrong = [letter for letter in text if letter not in FLAGS]
        if not text or wrong:
            raise self.error(f"expected a segment's flags, of {FLAGS}, found '{text or first.text}'", first)
        return "".join(letter for letter in "SFRPUEW." if letter in text)

    def tcp(self, inbound: bool) -> Tcp:
        flags = "" if self.accept("-") else self.flags()
        sequence, end, length = self.sequence()
        acknowledgment = self.integer() if self.accept_word("ack") else None
        window = self.integer() if self.accept_word("win") else None
        urgent = self.integer() if self.accept_word("urg") else None
        options = self.options() if self.is_symbol("<") and self.options_follow() else ()
        if acknowledgment is not None and "." not in flags:
            raise self.error("a segment with 'ack' has the flag '.'")
        if inbound and options is None:
            raise self.error("'<...>' stands for any options: of a packet that is sent in, write them")
        return Tcp(flags, sequence, end, length, acknowledgment, window, urgent, options)

    def options_follow(self) -> bool:
        """Whether `<` begins options, and not a packet that comes in on the next line, at no time of its own."""
        if self.next.line == self.words[self.at - 1].line:
            return True
        after = self.words[self.at + 1]
        return after.text in OPTION_NAMES or after.kind == "ellipsis" or after.text == ">"

    def sequence(self) -> tuple[int, int, int]:
        """`1:1001(1000)`"""
        token = self.next
        sequence = self.integer()
        self.expect(":")
        end = self.integer()
        self.expect("(")
        length = self.integer()
        self.expect(")")
        if (sequence + length - end) & 0xFFFFFFFF:
            span = (end - sequence) & 0xFFFFFFFF
            raise self.error(f"from {sequence} to {end} it is {span} bytes, not {length}", token)
        return sequence, end, length

    def options(self) -> tuple[Option, ...] | None:
        self.expect("<")
        if self.accept("..."):
            self.expect(">")
            return None
        made: list[Option] = []
        while not self.accept(">"):
            made.append(self.option())
            if not self.is_symbol(">"):
                self.expect(",")
        return tuple(made)

    def option(self) -> Option:
        token = self.next
        name = self.expect_word()
        if name in ("mss", "wscale"):
            return name, self.integer()
        if name in ("nop", "eol", "sackOK"):
            return (name,)
        if name == "TS":
            if not self.accept_word("val"):
                raise self.error("timestamps are written 'TS val NUMBER ecr NUMBER'")
            value = self.integer()
            if not self.accept_word("ecr"):
                raise self.error("timestamps are written 'TS val NUMBER ecr NUMBER'")
            return name, value, self.integer()
        if name == "sack":
            blocks = []
            while self.next.kind == "number":
                first = self.integer()
                self.expect(":")
                blocks.append((first, self.integer()))
            return name, tuple(blocks)
        raise self.error(f"the option '{name}' is not known: there are {', '.join(OPTION_NAMES)}", token)

    def icmp(self) -> Icmp:
        token = self.next
        name = self.expect_word()
        if name == "type":
            kind = self.integer()
        elif name in ICMP_TYPES:
            kind = ICMP_TYPES[name]
        else:
            raise self.error(f"the ICMP type '{name}' is not known: there are {', '.join(ICMP_TYPES)}", token)
        code, mtu = 0, None
        quoted: Tcp | Udp | None = None
        names = ICMP_CODES.get(kind, {})
        if self.accept_word("code"):
            code = self.integer()
        elif self.next.kind == "word" and self.next.text in names:
            code = names[self.take().text]
        elif self.next.kind == "word" and self.next.text != "mtu" and names and self.next.line == token.line:
            raise self.error(f"the ICMP code '{self.next.text}' is not known: there are {', '.join(names)}")
        if self.accept_word("mtu"):
            mtu = self.integer()
        if self.accept("["):
            if self.accept_word("udp"):
                quoted = self.udp()
            else:
                quoted = Tcp(".", *self.sequence())
            self.expect("]")
        return Icmp(kind, code, mtu, quoted)

    # System calls

    def call(self, line: int, time: Time) -> CallEvent:
        name = self.expect_word()
        self.expect("(")
        arguments = self.values(")")
        self.expect("=")
        result = self.value()
        error = note = ""
        if self.next.kind == "word" and self.next.text[:1] == "E" and self.next.text.isupper():
            error = self.take().text
        if self.accept("("):
            note = self.note()
        return CallEvent(line, time, name, arguments, result, error, note)

    def note(self) -> str:
        """What stands in parentheses behind a result, up to the closing one."""
        texts: list[str] = []
        depth = 1
        while True:
            depth += self.is_symbol("(") - self.is_symbol(")")
            if self.next.kind == "end":
                raise self.error("this parenthesis does not end")
            if depth == 0:
                self.take()
                return " ".join(texts)
            texts.append(self.take().text)

    def values(self, closing: str) -> list[object]:
        made: list[object] = []
        while not self.accept(closing):
            made.append(self.value())
            if not self.is_symbol(closing):
                self.expect(",")
        return made

    def value(self) -> object:
        parts = [self.part()]
        while self.accept("|"):
            parts.append(self.part())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def part(self) -> object:
        token = self.next
        if self.accept("..."):
            return Ellipsis3()
        if self.accept("-"):
            return -self.integer()
        if self.accept("["):
            return self.values("]")
        if self.accept("{"):
            return self.struct()
        if token.kind == "string":
            try:
                return str(ast.literal_eval(self.take().text))
            except (SyntaxError, ValueError):
                raise self.error("this string has an escape that cannot be", token) from None
        if token.kind == "float":
            return float(self.take().text)
        if token.kind == "word":
            self.take()
            if self.accept("("):
                return Function(token.text, tuple(self.values(")")))
            return Word(token.text)
        return self.integer()

    def struct(self) -> Struct:
        fields: dict[str, object] = {}
        while not self.accept("}"):
            value = self.value()
            if self.accept("="):
                if not isinstance(value, Word | Function):
                    raise self.error("a field's name was expected before '='")
                fields[value.name] = self.value()
            else:
                fields[str(len(fields))] = value
            if not self.is_symbol("}"):
                self.expect(",")
        return Struct(fields)
