"""Shrinking: the fewest frames that still go wrong in the same way (Zeller and Hildebrandt's delta debugging)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def shrunk(items: Sequence[Item], fails: Callable[[list[Item]], bool], *, seconds: float = 60.0) -> list[Item]:
    """A sublist that still fails, of which no single item can be left out if there was time enough to find out."""
    until = time.monotonic() + seconds
    best = ending(list(items), fails, until)
    size = max(len(best) // 2, 1)
    while time.monotonic() < until:
        before = len(best)
        at = len(best) - size
        while at > -size and time.monotonic() < until:
            rest = best[:max(at, 0)] + best[at + size:]
            if len(rest) < len(best) and fails(rest):
                best = rest
            at -= size
        if size == 1 and len(best) == before:
            break
        size = max(min(size // 2, len(best) // 2), 1)
    return best


def ending(items: list[Item], fails: Callable[[list[Item]], bool], until: float) -> list[Item]:
    """The shortest tail, of lengths that grow fourfold, that fails by itself."""
    length = 1
    while length < len(items) and time.monotonic() < until:
        if fails(items[-length:]):
            return items[-length:]
        length *= 4
    return items
