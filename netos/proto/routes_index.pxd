"""An index: entries with 64-bit keys in an array whose order is stable, found by hash in constant time.

Chained hashing with the links inside the entries: 16 bytes an entry and 4 a bucket, no tombstones. A freed slot is the
next to be used, so removing an entry and adding it again restores the order.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset


ctypedef struct Entry:
    uint64_t key
    uint32_t value
    uint32_t next  # in the bucket or the free list: slot + 1, or 0

ctypedef struct Index:
    Entry *entries
    uint32_t *buckets  # slot + 1, or 0
    uint32_t capacity  # of both arrays: zero or a power of two
    uint32_t used  # slots that have ever been used
    uint32_t count  # entries alive
    uint32_t free  # slot + 1, or 0

cdef enum:
    INDEX_FIRST_CAPACITY = 16


cdef inline bint entry_is_free(const Entry *entry) noexcept nogil:
    return entry.key == ~<uint64_t>0


cdef inline uint32_t *index_bucket(const Index *index, uint64_t key) noexcept nogil:
    return &index.buckets[(key * <uint64_t>0x9E3779B97F4A7C15ULL >> 32) * index.capacity >> 32]


cdef inline Entry *index_find(const Index *index, uint64_t key) noexcept nogil:
    """The entry with the key, or NULL."""
    cdef uint32_t at
    if index.capacity == 0:
        return NULL
    at = index_bucket(index, key)[0]
    while at != 0:
        if index.entries[at - 1].key == key:
            return &index.entries[at - 1]
        at = index.entries[at - 1].next
    return NULL


cdef inline int index_reserve(Index *index) noexcept nogil:
    """Make room for one entry more; -1 if there is no memory. Entries may move."""
    cdef uint32_t at
    cdef uint32_t capacity
    cdef uint32_t *bucket
    cdef Entry *entries
    cdef uint32_t *buckets
    if index.used < index.capacity or index.free != 0:
        return 0
    capacity = index.capacity * 2 if index.capacity != 0 else INDEX_FIRST_CAPACITY
    entries = <Entry *>realloc(index.entries, capacity * sizeof(Entry))
    if entries == NULL:
        return -1
    index.entries = entries
    buckets = <uint32_t *>calloc(capacity, sizeof(uint32_t))
    if buckets == NULL:
        return -1
    free(index.buckets)
    index.buckets = buckets
    index.capacity = capacity
    for at in range(index.used):
        bucket = index_bucket(index, entries[at].key)
        entries[at].next = bucket[0]
        bucket[0] = at + 1
    return 0


cdef inline Entry *index_add(Index *index, uint64_t key, uint32_t value) noexcept nogil:
    """Add a key that is not there, after index_reserve."""
    cdef uint32_t at = index.free
    cdef Entry *entry
    cdef uint32_t *bucket = index_bucket(index, key)
    if at != 0:
        entry = &index.entries[at - 1]
        index.free = entry.next
    else:
        index.used += 1
        at = index.used
        entry = &index.entries[at - 1]
    entry.key = key
    entry.value = value
    entry.next = bucket[0]
    bucket[0] = at
    index.count += 1
    return entry


cdef inline void index_remove(Index *index, Entry *entry) noexcept nogil:
    """Remove an entry of the index."""
    cdef uint32_t at = <uint32_t>(entry - index.entries) + 1
    cdef uint32_t *link = index_bucket(index, entry.key)
    while link[0] != at:
        link = &index.entries[link[0] - 1].next
    link[0] = entry.next
    entry.key = ~<uint64_t>0
    entry.next = index.free
    index.free = at
    index.count -= 1


cdef inline void index_clear(Index *index) noexcept nogil:
    """Forget everything and give the memory back."""
    free(index.entries)
    free(index.buckets)
    memset(index, 0, sizeof(Index))


cdef inline size_t index_memory(const Index *index) noexcept nogil:
    """Bytes allocated."""
    return index.capacity * (sizeof(Entry) + sizeof(uint32_t))
