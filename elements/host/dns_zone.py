"""Zones: the files that hold them (RFC 1035 section 5), and what a server answers from them (RFC 1034 section 4.3.2).

Of the file format: $ORIGIN, $TTL, @, relative and inherited names, times as 300 or 1h30m, IN, parentheses, quoted
strings, comments; SOA, NS, A, AAAA, CNAME, MX, TXT, PTR and SRV. Not: $INCLUDE, other classes, DNSSEC. Wildcards are
those of RFC 4592.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from netos.errors import NetosError
from netos.proto.wire import WireError
from netos.proto.wire.dns import (
    AAAA,
    ANY,
    CNAME,
    MX,
    NO_ERROR,
    NO_SUCH_NAME,
    NS,
    PTR,
    REFUSED,
    SOA,
    SRV,
    TXT,
    A,
    Question,
    Record,
)
from netos.proto.wire.dns_data import Data, Mx, Soa, Srv
from netos.proto.wire.dns_name import absolute

TYPES = {"A": A, "NS": NS, "CNAME": CNAME, "SOA": SOA, "PTR": PTR, "MX": MX, "TXT": TXT, "AAAA": AAAA, "SRV": SRV}
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|;.*|((?:[^ \t\r"();\\]|\\.)+)')
BLANK = " \t\r"               # and nothing else: bytes above 127 are parts of letters
LABEL = re.compile(r"(?:[^.\\]|\\.)*\.")
TIME = re.compile(r"[0-9]+(?:[smhdw][0-9]+)*[smhdw]?\Z", re.IGNORECASE)       # of one way to match: a long word ends
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 1}
CHAIN_MAX = 16                  # CNAMEs that are followed
TTL_MAX = 2**31 - 1


class ZoneError(NetosError):
    """A zone file that cannot be served."""


class Reply(NamedTuple):
    """What a zone says to a question."""

    code: int
    authoritative: bool
    answers: list[Record]
    authorities: list[Record]
    additionals: list[Record]


class Line(NamedTuple):
    """An entry of a zone file: its words, which of them were quoted, where it begins, whether with a blank."""

    number: int
    words: list[str]
    quoted: list[bool]
    inherits: bool


def entries(text: str) -> Iterator[Line]:
    """The entries of a file; one in parentheses goes over several lines."""
    current: Line | None = None
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if current is None:
            current = Line(number, [], [], line[:1] in BLANK)
        at = 0
        while at < len(line):
            if line[at] in BLANK:
                at += 1
                continue
            found = WORD.match(line, at)
            if found is None:
                raise ZoneError(f"{number}: cannot read {line[at:at + 20]!r}")
            at = found.end()
            if found[2] is not None:
                depth += 1 if found[2] == "(" else -1
                if depth < 0:
                    raise ZoneError(f"{number}: a parenthesis is closed that was not opened")
            elif found[1] is not None or found[3] is not None:
                current.words.append(found[1] if found[1] is not None else found[3])
                current.quoted.append(found[1] is not None)
        if depth == 0:
            if current.words:
                yield current
            current = None
    if depth:
        raise ZoneError(f"{current.number if current else 0}: a parenthesis is not closed")


def seconds(text: str) -> int:
    """A time: 300, 5m, 1h30m; raises ValueError."""
    if not TIME.match(text):
        raise ValueError(f"'{text}' is no time: 3600, 90m or 1h30m are")
    total = sum(int(count) * UNITS[unit.lower()] for count, unit in re.findall(r"([0-9]+)([smhdwSMHDW]?)", text))
    if total > TTL_MAX:
        raise ValueError(f"'{text}' is longer than {TTL_MAX} seconds")
    return total


class Zone:
    """The records of a zone, by name and type; `origin` is its top."""

    def __init__(self, text: str, filename: str = "zone", origin: str = "") -> None:
        self.names: dict[str, dict[int, list[Record]]] = {}
        self.origin = ""
        self._default_ttl: int | None = None
        self._relative = absolute(origin) if origin else ""
        self._last = ""
        try:
            for line in entries(text):
                try:
                    self._entry(line)
                except (WireError, ValueError, IndexError) as error:
                    said = "something is missing" if isinstance(error, IndexError) else str(error)
                    raise ZoneError(f"{line.number}: {said}") from None
            self._check()
        except ZoneError as error:
            raise ZoneError(f"{filename}:{error}") from None

    # Reading

    def _name(self, text: str) -> str:
        if text == "@":
            if not self._relative:
                raise ValueError("@ stands for the origin, and there is none: begin with $ORIGIN")
            return self._relative
        if text.endswith(".") and not text.endswith("\\."):
            return absolute(text)
        if not self._relative:
            raise ValueError(f"{text} is relative, and there is no origin: put a dot at its end, or begin with $ORIGIN")
        return absolute(text + ("" if self._relative == "." else ".") + self._relative)

    def _entry(self, line: Line) -> None:
        words = line.words
        if words[0] == "$ORIGIN":
            self._relative = self._name(words[1])
            return
        if words[0] == "$TTL":
            self._default_ttl = seconds(words[1])
            return
        if words[0].startswith("$"):
            raise ValueError(f"{words[0]} is not known: $ORIGIN and $TTL are")
        at = 0
        if not line.inherits:
            self._last, at = self._name(words[0]), 1
        if not self._last:
            raise ValueError("the first record has no name")
        ttl: int | None = None
        while words[at].upper() not in TYPES:
            if words[at].upper() == "IN":
                pass
            elif ttl is None and TIME.match(words[at]):
                ttl = seconds(words[at])
            else:
                raise ValueError(f"{words[at]} is no type of record that is known: {', '.join(TYPES)}")
            at += 1
        kind = TYPES[words[at].upper()]
        data = self._data(kind, words[at + 1:])
        if ttl is None:
            ttl = self._default_ttl
        if ttl is None:
            ttl = data.minimum if isinstance(data, Soa) else self.soa.ttl if self.origin else 3600
        if kind == SOA:
            if self.origin:
                raise ValueError("there is a second SOA")
            self.origin = self._last
        self.names.setdefault(self._last, {}).setdefault(kind, []).append(Record(self._last, kind, data, ttl))

    def _data(self, kind: int, words: list[str]) -> Data:
        count = {A: 1, AAAA: 1, NS: 1, CNAME: 1, PTR: 1, MX: 2, SRV: 4, SOA: 7}.get(kind, len(words) or 1)
        if len(words) != count:
            raise ValueError(f"{count} values are wanted, not {len(words)}")
        if kind == A:
            return IPv4Address(words[0])
        if kind == AAAA:
            return IPv6Address(words[0])
        if kind == MX:
            return Mx(small(words[0]), self._name(words[1]))
        if kind == SRV:
            return Srv(small(words[0]), small(words[1]), small(words[2]), self._name(words[3]))
        if kind == SOA:
            if not words[2].isdigit() or int(words[2]) >= 2**32:
                raise ValueError(f"'{words[2]}' is no serial number")
            return Soa(self._name(words[0]), self._name(words[1]), int(words[2]), *map(seconds, words[3:]))
        if kind == TXT:
            texts = [re.sub(rb"\\(\d{3}|.)", unescape, word.encode("latin-1")) for word in words]
            if any(len(text) > 255 for text in texts):
                raise ValueError("a string is longer than 255 bytes: write it as several")
            return tuple(texts)
        return self._name(words[0])

    def _check(self) -> None:
        if not self.origin:
            raise ZoneError(" there is no SOA record")
        if NS not in self.names[self.origin]:
            raise ZoneError(f" there is no NS record for {self.origin}")
        for name, kinds in self.names.items():
            if not self.covers(name):
                raise ZoneError(f" {name} does not lie in {self.origin}")
            if name.startswith("*.") and NS in kinds:
                raise ZoneError(f" {name} has an NS record, and which zones would be delegated nobody knows")
            if CNAME in kinds and (len(kinds) > 1 or len(kinds[CNAME]) > 1):
                raise ZoneError(f" {name} has a CNAME, and more than that")
        # Names between the origin and a record's exist, without records (RFC 4592 section 2.2.2)
        for name in list(self.names):
            while name != self.origin:
                name = parent(name)
                self.names.setdefault(name, {})

    # Answering

    @property
    def soa(self) -> Record:
        """The SOA record."""
        return self.names[self.origin][SOA][0]

    @property
    def count(self) -> int:
        """Records in all."""
        return sum(len(records) for kinds in self.names.values() for records in kinds.values())

    def covers(self, name: str) -> bool:
        """Whether a name, absolute and in small letters, lies in the zone."""
        while len(name) > len(self.origin):
            name = parent(name)
        return name == self.origin

    def reply(self, question: Question, sparing: bool = False) -> Reply:
        """What there is to say to a question; if `sparing`, to one for anything one kind of records, a small one.

        Who forges the asker's address would have it flooded with all (RFC 8482 section 4.2).
        """
        name = absolute(question.name)
        if not self.covers(name):
            return Reply(REFUSED, False, [], [], [])
        answers: list[Record] = []
        asked = name
        for _ in range(CHAIN_MAX):
            cut = self._cut(name)
            if cut is not None:
                return Reply(NO_ERROR, bool(answers), answers, cut, self._addresses(cut))
            kinds = self.names[name] if name in self.names else self._wildcard(name)
            if kinds is None:
                return Reply(NO_SUCH_NAME, True, answers, [self._negative()], [])
            if sparing and question.type == ANY and kinds:
                records = min(kinds.values(), key=lambda each: sum(len(str(record.data)) for record in each))
                return Reply(NO_ERROR, True, [Record(question.name, record.type, record.data, record.ttl)
                                              for record in records], [], [])
            found = [record for kind, records in kinds.items() for record in records
                     if question.type in (kind, ANY) or kind == CNAME]
            # The asker's own spelling: some check it (draft-vixie-dnsext-dns0x20)
            owner = question.name if name == asked else name
            answers += [Record(owner, record.type, record.data, record.ttl) for record in found]
            if not found:
                return Reply(NO_ERROR, True, answers, [self._negative()], [])
            target = found[0].data
            if found[0].type != CNAME or question.type in (CNAME, ANY) or not isinstance(target, str):
                return Reply(NO_ERROR, True, answers, [], self._addresses(found))
            name = absolute(target)
            if not self.covers(name) or any(record.type == CNAME and absolute(record.name) == name
                                            for record in answers):
                break
        return Reply(NO_ERROR, True, answers, [], [])

    def _cut(self, name: str) -> list[Record] | None:
        """The name servers of another zone, below this one, that a name lies in."""
        while name != self.origin:
            kinds = self.names.get(name, {})
            if NS in kinds:
                return kinds[NS]
            name = parent(name)
        return None

    def _wildcard(self, name: str) -> dict[int, list[Record]] | None:
        """The records of the wildcard that stands for a name that is not there (RFC 4592 section 3.3.1)."""
        while name not in self.names:
            name = parent(name)
        return self.names.get("*." if name == "." else f"*.{name}")

    def _negative(self) -> Record:
        """The SOA as it comes with what there is not: how long that may be believed (RFC 2308 section 3)."""
        soa = self.soa
        assert isinstance(soa.data, Soa)
        return Record(soa.name, SOA, soa.data, min(soa.ttl, soa.data.minimum))

    def _addresses(self, records: list[Record]) -> list[Record]:
        """The addresses of the names that records point to."""
        found = []
        for record in records:
            name = record.data if isinstance(record.data, str) else getattr(record.data, "name", None)
            if record.type in (NS, MX, SRV) and name is not None:
                kinds = self.names.get(absolute(name), {})
                found += [*kinds.get(A, []), *kinds.get(AAAA, [])]
        return found


def small(text: str) -> int:
    """A number of 16 bits; raises ValueError."""
    if not text.isdigit() or int(text) > 65535:
        raise ValueError(f"'{text}' is no number from 0 to 65535")
    return int(text)


def parent(name: str) -> str:
    """The name without its first label, which may contain dots."""
    found = LABEL.match(name)
    return name[found.end():] or "." if found else "."


def unescape(found: re.Match[bytes]) -> bytes:
    """What a backslash and what follows stand for; raises ValueError."""
    text = found[1]
    if len(text) == 3 and int(text) > 255:
        raise ValueError(f"'\\{text.decode()}' is no byte: \\000 to \\255 are")
    return bytes((int(text),)) if len(text) == 3 else text
