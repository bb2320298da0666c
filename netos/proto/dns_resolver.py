"""A stub resolver, sans-IO: names to data by way of recursive servers (RFC 1034 5.3.1, RFC 1035 7, RFC 2308, RFC 5452).

    resolver = Resolver(servers, search=("netos.example",))
    lookup = resolver.ask("www", dns.A, now)        # raises WireError for what is no name
    for query in resolver.take(): …                 # each from a new random port to query.server, by TCP if query.tcp
    resolver.receive(query, data, now)              # from there, what came to that port; or failed()
    resolver.poll(now)                              # at resolver.next_timeout at the latest
    for lookup in resolver.finished(): …            # lookup.answer; the ports of queries that are `over` can be closed
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from netos.proto.dns_answer import ALIASES_MAX, Kind, read_answer
from netos.proto.dns_cache import Cache, Entry
from netos.proto.wire import Dns, Question, Record, WireError, dns
from netos.proto.wire.dns_data import Data
from netos.proto.wire.dns_name import absolute

SECOND = 1_000_000_000
FIRST_WAIT = 2 * SECOND         # for each server in the first round; twice that in the next
ROUNDS = 3
EDNS_SIZE = 1232
LIES_MAX = 16                   # wrong answers to a query before it goes by TCP
OK, NO_DATA, NO_SUCH_NAME, FAILED = "ok", "no data", "no such name", "failed"


class Answer(NamedTuple):
    """How a lookup ended; `name` is what the data belongs to, after aliases; `reason` says why it failed."""

    status: str
    name: str
    data: tuple[Data, ...] = ()
    reason: str = ""


class Lookup:
    """What somebody asks for; `answer` is None until it is known. `user` is the asker's own."""

    def __init__(self, name: str, kind: int, candidates: Sequence[str]) -> None:
        self.name = name
        self.type = kind
        self.answer: Answer | None = None
        self.user: Any = None
        self.candidates = list(candidates)
        self.current = ""               # the name asked for now
        self.aliases = 0
        self.tries = 0
        self.edns = True
        self.reason = ""
        self.no_data = False            # a candidate exists, but not with this type
        self.query: Query | None = None


class Query:
    """A message to be sent to a server, and the answer waited for until `deadline`."""

    def __init__(self, lookup: Lookup, server: IPv4Address, message: Dns, tcp: bool, deadline: int) -> None:
        self.lookup = lookup
        self.server = server
        self.message = message
        self.data = message.build()
        self.tcp = tcp
        self.deadline = deadline
        self.over = False
        self.lies = 0               # what came and was no answer to it


class Resolver:
    """See the module. `servers` and `search` may be set anew at any time."""

    def __init__(self, servers: Sequence[IPv4Address] = (), search: Sequence[str] = (), *, dots: int = 1,
                 rounds: int = ROUNDS, wait: int = FIRST_WAIT, cache: Cache | None = None,
                 chance: random.Random | None = None) -> None:
        self.servers = tuple(servers)
        self.search = tuple(search)
        self.dots = dots                # a name with so many dots is tried as it is before it is searched for
        self.rounds = rounds
        self.wait = wait
        self.cache = cache if cache is not None else Cache()
        self.ignored = 0                # answers that were not to what was asked
        self._chance = chance or random.SystemRandom()
        self._outgoing: list[Query] = []
        self._pending: list[Query] = []
        self._finished: list[Lookup] = []

    def ask(self, name: str, kind: int, now: int) -> Lookup:
        """Begin to look a name up; raises WireError when it is not one."""
        lookup = Lookup(name, kind, self.candidates(name))
        self._next_candidate(lookup, now)
        return lookup

    def cancel(self, lookup: Lookup) -> None:
        """Nobody waits for it any more."""
        self._drop_query(lookup)

    def take(self) -> list[Query]:
        """The queries that are to be sent."""
        taken, self._outgoing = self._outgoing, []
        return [query for query in taken if not query.over]

    def finished(self) -> list[Lookup]:
        """The lookups that were answered since the last time."""
        taken, self._finished = self._finished, []
        return taken

    @property
    def next_timeout(self) -> int | None:
        """When poll() has to be called at the latest, None: not before somebody asks."""
        return min((query.deadline for query in self._pending), default=None)

    def poll(self, now: int) -> None:
        """Give up waiting for servers that are too late."""
        for query in [query for query in self._pending if query.deadline <= now]:
            self._try_next(query.lookup, now, f"{query.server} does not answer")

    def failed(self, query: Query, now: int, reason: str = "") -> None:
        """The server cannot be reached, or has ended the connection."""
        if not query.over:
            self._try_next(query.lookup, now, reason or f"{query.server} cannot be reached")

    def receive(self, query: Query, data: bytes, now: int) -> None:
        """What came to the query's port. What does not answer the very question is ignored (RFC 5452 section 9.1)."""
        if query.over:
            return
        try:
            parsed = Dns.parse(data, strict=False) if data[:2] == query.data[:2] else None
        except WireError:
            parsed = None
        if parsed is None or not echoes(parsed.header, query.message):
            self._ignore(query, now)
            return
        lookup, message, code = query.lookup, parsed.header, parsed.header.full_code
        faults = [fault for fault in parsed.faults if fault.field != "flags"]
        if message.truncated and not query.tcp:
            self._send(lookup, query.server, now, tcp=True)
        elif lookup.edns and code in (dns.FORMAT_ERROR, dns.NOT_IMPLEMENTED, dns.BAD_VERSION):
            lookup.edns = False                         # RFC 6891 section 7
            self._send(lookup, query.server, now, tcp=query.tcp)
        elif code not in (dns.NO_ERROR, dns.NO_SUCH_NAME):
            name = dns.CODES[code] if code < len(dns.CODES) else code
            self._try_next(lookup, now, f"{query.server} answers {name}")
        elif faults or message.truncated:
            self._try_next(lookup, now, f"{query.server} sends an answer that cannot be read: "
                                        f"{faults[0] if faults else 'truncated over TCP'}")
        else:
            self._take_answer(query, message, now)

    def _ignore(self, query: Query, now: int) -> None:
        """Something came that is no answer. Whoever guesses what one would be is not given many tries."""
        self.ignored += 1
        query.lies += 1
        if query.lies == LIES_MAX and not query.tcp:
            self._send(query.lookup, query.server, now, tcp=True)

    # The course of a lookup

    def candidates(self, name: str) -> list[str]:
        """The absolute names that a name may stand for, in the order in which they are tried."""
        whole = absolute(name)
        if name.endswith("."):
            return [whole]
        searched = []
        for domain in self.search:
            try:
                searched.append(absolute(f"{name}.{domain}"))
            except WireError:
                continue
        return [whole, *searched] if name.count(".") >= self.dots else [*searched, whole]

    def _next_candidate(self, lookup: Lookup, now: int) -> None:
        self._drop_query(lookup)
        if not lookup.candidates:
            self._conclude(lookup, Answer(NO_DATA if lookup.no_data else NO_SUCH_NAME, lookup.current))
            return
        lookup.current = lookup.candidates.pop(0)
        lookup.aliases = 0
        self._begin(lookup, now)

    def _begin(self, lookup: Lookup, now: int) -> None:
        """Look into the cache, then ask."""
        while (entry := self.cache.get(lookup.current, lookup.type, now)) is not None:
            if entry.data:
                self._conclude(lookup, Answer(OK, lookup.current, entry.data))
                return
            if not entry.alias:
                lookup.no_data |= not entry.no_such_name
                self._next_candidate(lookup, now)
                return
            if not self._follow(lookup, entry.alias):
                return
        lookup.tries = 0
        lookup.edns = True
        self._ask_server(lookup, now)

    def _follow(self, lookup: Lookup, alias: str) -> bool:
        """Go on with another name; False when that was too often."""
        lookup.aliases += 1
        lookup.current = alias
        if lookup.aliases > ALIASES_MAX:
            self._conclude(lookup, Answer(FAILED, alias, reason=f"more than {ALIASES_MAX} aliases, or a loop of them"))
            return False
        return True

    def _try_next(self, lookup: Lookup, now: int, reason: str) -> None:
        lookup.reason = reason
        lookup.tries += 1
        self._ask_server(lookup, now)

    def _ask_server(self, lookup: Lookup, now: int) -> None:
        if lookup.tries >= self.rounds * len(self.servers):
            self._conclude(lookup, Answer(FAILED, lookup.current, reason=lookup.reason or "no name server is known"))
            return
        self._send(lookup, self.servers[lookup.tries % len(self.servers)], now)

    def _send(self, lookup: Lookup, server: IPv4Address, now: int, *, tcp: bool = False) -> None:
        self._drop_query(lookup)
        wait = self.wait << lookup.tries // max(len(self.servers), 1)
        options = (Record(".", dns.OPT, b"", class_=EDNS_SIZE),) if lookup.edns else ()
        message = Dns(self._chance.getrandbits(16), recursion_desired=True, additionals=options,
                      questions=(Question(lookup.current, lookup.type),))
        lookup.query = Query(lookup, server, message, tcp, now + wait)
        self._pending.append(lookup.query)
        self._outgoing.append(lookup.query)

    def _drop_query(self, lookup: Lookup) -> None:
        if lookup.query is not None:
            lookup.query.over = True
            self._pending.remove(lookup.query)
            lookup.query = None

    def _conclude(self, lookup: Lookup, answer: Answer) -> None:
        self._drop_query(lookup)
        lookup.answer = answer
        self._finished.append(lookup)

    def _take_answer(self, query: Query, message: Dns, now: int) -> None:
        lookup = query.lookup
        found = read_answer(message, lookup.current, lookup.type)
        for name, target, ttl in found.aliases:
            self.cache.put(name, lookup.type, Entry(alias=target), ttl, now)
            if not self._follow(lookup, target):
                return
        if found.data:
            self.cache.put(found.name, lookup.type, Entry(found.data), found.ttl, now)
            self._conclude(lookup, Answer(OK, found.name, found.data))
        elif found.kind == Kind.REFERRAL:
            self._try_next(lookup, now, f"{query.server} answers with a referral: it does not resolve for us")
        elif found.kind == Kind.ELSEWHERE:
            self._drop_query(lookup)
            self._begin(lookup, now)
        else:
            nothing = Entry(no_such_name=found.kind == Kind.NO_NAME)
            self.cache.put(found.name, lookup.type, nothing, found.ttl, now)
            lookup.no_data |= not nothing.no_such_name
            self._next_candidate(lookup, now)


def echoes(message: Dns, asked: Dns) -> bool:
    """Whether it answers what was asked; a server that does not understand a message may leave the question out."""
    if not message.response or message.operation != asked.operation or message.identifier != asked.identifier:
        return False
    if not message.questions:
        return message.code in (dns.FORMAT_ERROR, dns.NOT_IMPLEMENTED)
    question, wanted = message.questions[0], asked.questions[0]
    return (len(message.questions) == 1 and (question.type, question.class_) == (wanted.type, wanted.class_)
            and question.name.lower() == wanted.name)
