"""DNS messages (RFC 1035; RFC 3596 for AAAA, 2782 for SRV, 6891 for OPT, which is a record like any other here)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from netos.proto.wire.base import Parsed, Reading, WireError, bits, convert, number
from netos.proto.wire.dns_data import Data, build_data, parse_data, show_data
from netos.proto.wire.dns_name import build_name, parse_name

PORT = 53
HEADER, LENGTH_MAX = 12, 65535
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 255
TYPES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA", SRV: "SRV",
         OPT: "OPT", ANY: "ANY"}
IN = 1
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED = range(6)
BAD_VERSION = 16
CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


@dataclass(frozen=True)
class Question:
    """What is asked for. Names are absolute, with a dot at the end."""

    name: str
    type: int = A
    class_: int = IN

    def __str__(self) -> str:
        return f"{self.name} {TYPES.get(self.type, f'TYPE{self.type}')}"


@dataclass(frozen=True)
class Record:
    """A resource record. `data` is an address, a name, a tuple or bytes, as dns_data has it for the type."""

    name: str
    type: int
    data: Data
    ttl: int = 0
    class_: int = IN

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} {TYPES.get(self.type, f'TYPE{self.type}')} {show_data(self.data)}"


@dataclass(frozen=True)
class Dns:
    """A message: header bits and four sections."""

    identifier: int = 0
    response: bool = False
    operation: int = 0
    authoritative: bool = False
    truncated: bool = False
    recursion_desired: bool = False
    recursion_available: bool = False
    authentic: bool = False
    checking_disabled: bool = False
    code: int = NO_ERROR
    questions: tuple[Question, ...] = ()
    answers: tuple[Record, ...] = ()
    authorities: tuple[Record, ...] = ()
    additionals: tuple[Record, ...] = ()

    protocol_name: ClassVar[str] = "dns"

    def __post_init__(self) -> None:
        convert(self, questions=tuple, answers=tuple, authorities=tuple, additionals=tuple)

    @property
    def full_code(self) -> int:
        """The code with the high bits that an OPT record has of it (RFC 6891 section 6.1.3)."""
        return self.code | next((record.ttl >> 24 << 4 for record in self.additionals if record.type == OPT), 0)

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Dns]:
        """Read a message. Faults: the reserved bit; sections that end early, of which the records before are kept."""
        data = bytes(data)
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, HEADER)
        word = int.from_bytes(data[2:4], "big")
        if word & 0x40:
            reading.fault("flags", "the reserved one is set")
        questions: list[Question] = []
        sections: tuple[list[Record], ...] = ([], [], [])
        at = HEADER
        try:
            for _ in range(int.from_bytes(data[4:6], "big")):
                question, at = parse_question(data, at, reading)
                questions.append(question)
            for section, place in zip(sections, (6, 8, 10)):
                for _ in range(int.from_bytes(data[place:place + 2], "big")):
                    record, at = parse_record(data, at, reading)
                    section.append(record)
        except WireError as error:
            if strict:
                raise
            reading.faults.append(error)
            at = len(data)
        made = cls(int.from_bytes(data[:2], "big"), bool(word & 0x8000), word >> 11 & 15, bool(word & 0x400),
                   bool(word & 0x200), bool(word & 0x100), bool(word & 0x80), bool(word & 0x20), bool(word & 0x10),
                   word & 15, tuple(questions), *map(tuple, sections))
        return Parsed(made, b"", data[at:], tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The message, names compressed; it carries nothing."""
        if payload:
            raise WireError("dns", "payload", "a message carries none")
        word = (bool(self.response) << 15 | bits("dns", "operation", self.operation, 4) << 11
                | bool(self.authoritative) << 10 | bool(self.truncated) << 9 | bool(self.recursion_desired) << 8
                | bool(self.recursion_available) << 7 | bool(self.authentic) << 5 | bool(self.checking_disabled) << 4
                | bits("dns", "code", self.code, 4))
        sections = (self.answers, self.authorities, self.additionals)
        made = number("dns", "identifier", self.identifier, 2) + word.to_bytes(2, "big") + b"".join(
            number("dns", "count", len(section), 2) for section in (self.questions, *sections))
        known: dict[tuple[bytes, ...], int] = {}
        for question in self.questions:
            made += build_name(question.name, len(made), known)
            made += number("dns", "type", question.type, 2) + number("dns", "class", question.class_, 2)
        for section in sections:
            made = build_records(made, section, known)
        if len(made) > LENGTH_MAX:
            raise WireError("dns", "length", f"{len(made)}, of {LENGTH_MAX} at most")
        return made

    def show(self, payload: bytes = b"") -> str:
        """The message's head, and a line for each record."""
        code = CODES[self.code] if self.code < len(CODES) else f"code {self.code}"
        flagged = (self.authoritative, self.truncated, self.recursion_desired, self.recursion_available, self.authentic)
        flags = " ".join(name for name, on in zip(("aa", "tc", "rd", "ra", "ad"), flagged) if on)
        head = f"dns {'answer' if self.response else 'query'} {self.identifier}, {code}, {flags or 'no flags'}"
        lines = [f"{head}, {', '.join(map(str, self.questions)) or 'no question'}"]
        for name, section in (("answer", self.answers), ("authority", self.authorities), ("more", self.additionals)):
            lines += [f"    {name}: {record}" for record in section]
        return "\n".join(lines)


def parse_question(data: bytes, at: int, reading: Reading) -> tuple[Question, int]:
    """A question, and where it ends."""
    name, at = parse_name(data, at, reading)
    if at + 4 > len(data):
        reading.refuse("question", "runs past the end")
    return Question(name, int.from_bytes(data[at:at + 2], "big"), int.from_bytes(data[at + 2:at + 4], "big")), at + 4


def parse_record(data: bytes, at: int, reading: Reading) -> tuple[Record, int]:
    """A record, and where it ends."""
    name, at = parse_name(data, at, reading)
    end = at + 10 + int.from_bytes(data[at + 8:at + 10], "big")
    if at + 10 > len(data) or end > len(data):
        reading.refuse("record", f"of {name} runs past the end")
    kind = int.from_bytes(data[at:at + 2], "big")
    return Record(name, kind, parse_data(kind, data, at + 10, end, reading), int.from_bytes(data[at + 4:at + 8], "big"),
                  int.from_bytes(data[at + 2:at + 4], "big")), end


def build_records(made: bytes, records: Iterable[Record], known: dict[tuple[bytes, ...], int]) -> bytes:
    """The message with these records at its end."""
    for record in records:
        made += build_name(record.name, len(made), known)
        made += (number("dns", "type", record.type, 2) + number("dns", "class", record.class_, 2)
                 + number("dns", "ttl", record.ttl, 4))
        data = build_data(record.type, record.data, len(made) + 2, known)
        made += number("dns", "data", len(data), 2) + data
    return made
