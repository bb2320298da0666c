"""Ranges of sequence numbers, apart and in order: what came out of order, what a peer has told by SACK (RFC 2018)."""

from libc.stdint cimport int32_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove


cdef enum:
    RANGES_MAX = 64


cdef struct Range:
    uint32_t first
    uint32_t end                # the first number after it


cdef struct Ranges:
    Range *items                # RANGES_MAX of them, made when the first range comes
    uint32_t count
    uint32_t total              # numbers in all ranges


cdef inline bint ranges_add(Ranges *ranges, uint32_t first, uint32_t end) noexcept nogil:
    """Add numbers, joining what touches; 0 when there is no room for one range more."""
    cdef uint32_t at = 0, last
    if ranges.items == NULL:
        ranges.items = <Range *>malloc(RANGES_MAX * sizeof(Range))
        if ranges.items == NULL:
            return 0
    while at < ranges.count and <int32_t>(ranges.items[at].end - first) < 0:
        at += 1
    last = at
    while last < ranges.count and <int32_t>(ranges.items[last].first - end) <= 0:
        if <int32_t>(ranges.items[last].first - first) < 0:
            first = ranges.items[last].first
        if <int32_t>(ranges.items[last].end - end) > 0:
            end = ranges.items[last].end
        ranges.total -= ranges.items[last].end - ranges.items[last].first
        last += 1
    if last == at:
        if ranges.count == RANGES_MAX:
            return 0
        memmove(ranges.items + at + 1, ranges.items + at, (ranges.count - at) * sizeof(Range))
        ranges.count += 1
    elif last > at + 1:
        memmove(ranges.items + at + 1, ranges.items + last, (ranges.count - last) * sizeof(Range))
        ranges.count -= last - at - 1
    ranges.items[at].first = first
    ranges.items[at].end = end
    ranges.total += end - first
    return 1


cdef inline void ranges_forget(Ranges *ranges, uint32_t below) noexcept nogil:
    """Take out all numbers before `below`."""
    cdef uint32_t gone = 0
    while gone < ranges.count and <int32_t>(ranges.items[gone].end - below) <= 0:
        ranges.total -= ranges.items[gone].end - ranges.items[gone].first
        gone += 1
    if gone:
        ranges.count -= gone
        memmove(ranges.items, ranges.items + gone, ranges.count * sizeof(Range))
    if ranges.count and <int32_t>(ranges.items[0].first - below) < 0:
        ranges.total -= below - ranges.items[0].first
        ranges.items[0].first = below


cdef inline int32_t ranges_find(const Ranges *ranges, uint32_t number) noexcept nogil:
    """Which range a number is in, or -1."""
    cdef uint32_t at
    for at in range(ranges.count):
        if <int32_t>(number - ranges.items[at].first) < 0:
            return -1
        if <int32_t>(number - ranges.items[at].end) < 0:
            return <int32_t>at
    return -1


cdef inline void ranges_free(Ranges *ranges) noexcept nogil:
    free(ranges.items)
    ranges.items = NULL
    ranges.count = ranges.total = 0
