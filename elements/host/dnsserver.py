"""DnsServer: answer for a zone, over UDP and TCP (RFC 1035, RFC 7766; RFC 6891 for larger datagrams)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from elements.host.connection import Connection
from elements.host.dns_zone import Reply, Zone
from elements.host.serving import IDLE, TURN, Server, ServerPort
from netos.args import FileName, Integer, Seconds, Word
from netos.errors import NetosError
from netos.handlers import read_handler, write_handler
from netos.proto.endpoints import TcpEndpoint
from netos.proto.wire import Dns, Record, WireError
from netos.proto.wire.dns import ANY, CODES, FORMAT_ERROR, HEADER, IN, NOT_IMPLEMENTED, OPT, REFUSED
from netos.proto.wire.dns_data import Soa

DATAGRAM, DATAGRAM_MOST = 512, 1232     # bytes of an answer, without and with EDNS (what no path has to fragment)
ZONE_TRANSFERS = (251, 252)
RECORD_LEAST = 12               # bytes of one in a message, besides its data
BAD_VERSION = 16                # BADVERS, of which the OPT record has the upper eight bits (RFC 6891 section 6.1.3)
ZONE_MAX = 64 << 20             # bytes of a file


class Asking(Connection):
    """Answers messages, each after two bytes of its length, one after the other."""

    def __init__(self, server: DnsServer, endpoint: TcpEndpoint) -> None:
        super().__init__(server, endpoint)
        self.buffer = bytearray()

    def proceed(self) -> None:
        assert isinstance(self.server, DnsServer)
        for _ in range(TURN):
            while len(self.buffer) < 2 or len(self.buffer) < 2 + int.from_bytes(self.buffer[:2], "big"):
                data = self.receive()
                if not data:
                    if self.buffer and self.awaited is None:
                        self.awaited = self.server.now      # all of a message is due in time, not each byte of it
                    if self.over:
                        self.close()
                    return
                self.buffer += data
            self.awaited = None
            end = 2 + int.from_bytes(self.buffer[:2], "big")
            message = bytes(self.buffer[2:end])
            del self.buffer[:end]
            answer = self.server.respond(message, 65535)
            if answer is None:
                self.abort()
                return
            if not self.send(len(answer).to_bytes(2, "big") + answer):
                return
        self.server.again(self)


class DnsServer(Server):
    """Answer for the zone in the file ZONE on PORT of a stack, over UDP and TCP.

    It is the zone's authority: it asks nobody else, and refuses what lies outside. Answers that do not fit a datagram
    are truncated, so that they are asked for over TCP; to a question of type ANY a datagram has one kind of records,
    TCP all (RFC 8482). ZONE is a zone file with $ORIGIN, $TTL, SOA, NS, A, AAAA, CNAME, MX, TXT, PTR and SRV, also of
    wildcards (RFC 4592), without $INCLUDE; ORIGIN is what its names are relative to, if it does not say. At most
    CONNECTIONS at a time, others are refused; one on which nothing moves for IDLE seconds ends (0: never), and one
    whose query has not come whole in that time. Datagrams that are answers, that come from ports where anything is
    answered, or that are for several hosts are ignored.
    Handlers: origin, records, serial, queries, codes (how often which answer was given), port, connections, accepted,
    refused, timeouts, bytes_in, bytes_out, ignored (datagrams), lost (answers that could not be sent) (read), reload
    (write: read the file again), close_connections (write).
    """

    connection = Asking
    datagrams = True
    handlers = (*Server.handlers, "queries")

    def configure(self, zone: Annotated[str, FileName], port: Annotated[int, ServerPort("udp")] = 53, *,
                  origin: Annotated[str, Word] = "", stack: Annotated[str, Word] = "default",
                  connections: Annotated[int, Integer(minimum=1, maximum=65536)] = 256,
                  idle: Annotated[int, Seconds] = IDLE // 6) -> None:
        self.port, self.stack_name, self.limit, self.idle = port, stack, connections, idle
        self.path, self.top = zone, origin
        self.queries = 0
        self.codes: dict[int, int] = {}
        self.zone = self.load()

    def load(self) -> Zone:
        """The zone as the file has it now; raises NetosError."""
        try:
            with open(self.path, encoding="latin-1", newline="") as file:   # a character a byte: TXT is of bytes
                text = file.read(ZONE_MAX + 1)
        except OSError as error:
            raise NetosError(f"cannot read the zone file {self.path}: {error.strerror}") from error
        if len(text) > ZONE_MAX:
            raise NetosError(f"the zone file {self.path} is larger than {ZONE_MAX >> 20} MiB")
        return Zone(text, self.path, self.top)

    def take_state(self, old: Server) -> None:
        super().take_state(old)
        if isinstance(old, DnsServer):
            self.queries, self.codes = old.queries, dict(old.codes)

    def answer(self, data: bytes, source: tuple[str, int]) -> bytes | None:
        answer = self.respond(data, 0)
        if answer is None:
            self.ignored += 1
        return answer

    def respond(self, data: bytes, room: int) -> bytes | None:
        """The answer to a message; None for none. `room`: its bytes at most, 0: what a datagram may have."""
        if len(data) < HEADER or data[2] & 0x80:
            return None                         # an answer is never answered: two servers would never end
        self.queries += 1
        try:
            query = Dns.parse(data, strict=False).header
        except WireError:
            query = Dns(int.from_bytes(data[:2], "big"), operation=data[2] >> 3 & 15)
        extensions = [record for record in query.additionals if record.type == OPT]
        made, code = self.reply(query, extensions, sparing=not room)
        self.codes[code] = self.codes.get(code, 0) + 1
        if not room:
            room = min(max(extensions[0].class_, DATAGRAM), DATAGRAM_MOST) if extensions else DATAGRAM
        return fitting(made, room)

    def reply(self, query: Dns, extensions: list[Record], sparing: bool) -> tuple[Dns, int]:
        """The answer to a query, however long, and its code; `sparing`: as Zone.reply() has it."""
        code = NOT_IMPLEMENTED if query.operation else FORMAT_ERROR if len(query.questions) != 1 else 0
        if extensions and (len(extensions) > 1 or extensions[0].name != "."):
            code = FORMAT_ERROR
        elif extensions and extensions[0].ttl >> 16 & 0xFF:
            code = BAD_VERSION
        elif not code and (query.questions[0].class_ not in (IN, ANY) or query.questions[0].type in ZONE_TRANSFERS):
            code = REFUSED
        found = Reply(code, False, [], [], []) if code else self.zone.reply(query.questions[0], sparing)
        more = [Record(".", OPT, b"", found.code >> 4 << 24, DATAGRAM_MOST)] if extensions else []
        return Dns(query.identifier, True, query.operation, found.authoritative,
                   recursion_desired=query.recursion_desired, code=found.code & 15, questions=query.questions[:1],
                   answers=tuple(found.answers), authorities=tuple(found.authorities),
                   additionals=(*found.additionals, *more)), found.code

    @read_handler
    def origin(self) -> str:
        """The top of the zone."""
        return self.zone.origin

    @read_handler
    def records(self) -> int:
        """Records in the zone."""
        return self.zone.count

    @read_handler
    def serial(self) -> int:
        """The zone's serial number."""
        data = self.zone.soa.data
        assert isinstance(data, Soa)
        return data.serial

    @read_handler("codes")
    def codes_text(self) -> str:
        """How often which answer was given, one a line."""
        return "".join(f"{CODES[code] if code < len(CODES) else 'BADVERS'} {count}\n"
                       for code, count in sorted(self.codes.items()))

    @write_handler
    def reload(self) -> None:
        """Read the file again; a bad one changes nothing."""
        self.zone = self.load()


def fitting(made: Dns, room: int) -> bytes:
    """The message in so many bytes: whole; without what nobody asked for; or without records, as truncated."""
    extensions = tuple(record for record in made.additionals if record.type == OPT)
    shorter = replace(made, additionals=extensions) if made.answers else made       # a referral needs its addresses
    for each in (made, shorter):
        if HEADER + RECORD_LEAST * len(each.answers) <= room:           # else it would be built only to be thrown away
            with suppress(WireError):                                   # longer than any message
                message = each.build()
                if len(message) <= room:
                    return message
    return replace(made, truncated=True, answers=(), authorities=(), additionals=extensions).build()
