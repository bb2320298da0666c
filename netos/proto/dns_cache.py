"""What a resolver remembers, for as long as it may: data, aliases, that there is nothing (RFC 1035 7.4, RFC 2308)."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from netos.proto.wire.dns_data import Data

SECOND = 1_000_000_000
DAY = 86400
NEGATIVE_MAX = 3 * 3600             # RFC 2308 section 5
DATA_MAX = 100                      # of one name; who has more wants our memory


class Entry(NamedTuple):
    """What is known of a name: data of one type, or the name it is an alias of, or (neither) that there is nothing."""

    data: tuple[Data, ...] = ()
    alias: str = ""
    no_such_name: bool = False      # not for any type


class Cache:
    """Entries by (name in small letters, type), the least recently used of them forgotten when there are too many."""

    def __init__(self, size: int = 1024) -> None:
        self.size = size
        self._entries: OrderedDict[tuple[str, int], tuple[int, Entry]] = OrderedDict()

    def get(self, name: str, kind: int, now: int) -> Entry | None:
        """What is known of a name, None: nothing."""
        found = self._entries.get((name, kind))
        if found is None:
            return None
        if found[0] <= now:
            del self._entries[name, kind]
            return None
        self._entries.move_to_end((name, kind))
        return found[1]

    def put(self, name: str, kind: int, entry: Entry, ttl: int, now: int) -> None:
        """Remember for `ttl` seconds, at most a day; a time with the highest bit set is none (RFC 2181 section 8)."""
        if not 0 < ttl < 1 << 31 or len(entry.data) > DATA_MAX:
            return
        limit = DAY if entry.data or entry.alias else NEGATIVE_MAX
        self._entries[name, kind] = now + min(ttl, limit) * SECOND, entry
        self._entries.move_to_end((name, kind))
        while len(self._entries) > self.size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
