"""What a DNS answer says about a name: its data, its aliases, or that there is nothing (RFC 1034 3.6.2, RFC 2308 2)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from netos.proto.wire import Dns, Record, dns
from netos.proto.wire.dns_data import Data, Soa

ALIASES_MAX = 16
TTL_HIGHEST_BIT = 1 << 31


class Kind(Enum):
    """What was found."""

    DATA = "data"
    NO_NAME = "no such name"
    NO_DATA = "no data"
    ELSEWHERE = "elsewhere"         # the aliases lead to a name that the answer says nothing about
    REFERRAL = "referral"


class Found(NamedTuple):
    """`name` is where the aliases lead, `ttl` for how many seconds what is said of it holds, 0: not to be kept."""

    kind: Kind
    name: str
    data: tuple[Data, ...]
    ttl: int
    aliases: tuple[tuple[str, str, int], ...]      # (name, what it is an alias of, seconds)


def read_answer(message: Dns, name: str, kind: int) -> Found:
    """Records that do not belong to the name or to what it is an alias of are not looked at: they may be lies.

    `name` is absolute and in small letters, as those of a parsed message are but for their capitals.
    """
    owned: dict[str, list[Record]] = {}
    for record in message.answers:
        if record.class_ == dns.IN:
            owned.setdefault(record.name.lower(), []).append(record)
    aliases: list[tuple[str, str, int]] = []
    seen = {name}
    while True:
        own = owned.get(name, [])
        wanted = [record for record in own if record.type == kind]
        if wanted:
            ttl = min(seconds(record.ttl) for record in wanted)
            return Found(Kind.DATA, name, tuple(record.data for record in wanted), ttl, tuple(aliases))
        alias = next((record for record in own if record.type == dns.CNAME), None)
        if alias is None or len(aliases) == ALIASES_MAX:
            break
        target = str(alias.data).lower()
        aliases.append((name, target, seconds(alias.ttl)))
        name = target
        if target in seen:              # a loop: whoever follows it finds out
            break
        seen.add(target)
    authority = [record for record in message.authorities if isinstance(record.data, Soa)]
    ttl = min((min(seconds(record.ttl), record.data.minimum) for record in authority
               if isinstance(record.data, Soa)), default=0)
    if message.code == dns.NO_SUCH_NAME:
        return Found(Kind.NO_NAME, name, (), ttl, tuple(aliases))
    if not authority and aliases:
        return Found(Kind.ELSEWHERE, name, (), 0, tuple(aliases))
    if not authority and not message.authoritative and any(record.type == dns.NS for record in message.authorities):
        return Found(Kind.REFERRAL, name, (), 0, ())
    return Found(Kind.NO_DATA, name, (), ttl, tuple(aliases))


def seconds(ttl: int) -> int:
    """A time to live: with the highest bit set it is none (RFC 2181 section 8)."""
    return ttl if ttl < TTL_HIGHEST_BIT else 0
