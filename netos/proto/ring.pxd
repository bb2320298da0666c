"""Byte rings: what waits to be sent or read; a circle of a power of two bytes that grows on demand.

Freed circles stay in a pool, to a limit: those of a busy connection come and go with every burst, and fresh memory
costs a page fault every 4 KiB. A pool also knows how much the circles in use take together, and lets them grow up to
a limit only; the least circle is always to be had. Places are given as offsets from the oldest byte, so that data that
came out of order can be put down where it belongs.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy


cdef enum:
    RING_LEAST = 4096
    RING_SIZES = 11             # from RING_LEAST on; larger circles are not kept
    RING_KEPT = 4194304         # bytes that a pool holds at most


cdef struct FreeRing:
    FreeRing *next


cdef struct RingPool:
    FreeRing *free_rings[RING_SIZES]
    uint32_t held               # bytes of free circles
    uint64_t taken              # bytes of circles in use
    uint64_t limit              # of those


cdef struct Ring:
    RingPool *pool              # NULL: none
    uint8_t *data
    uint32_t size
    uint32_t start              # of the oldest byte
    uint32_t used


cdef inline uint32_t ring_run(const Ring *ring, uint32_t offset, uint8_t **at) noexcept nogil:
    """Where an offset lies, and how many bytes lie in one piece from there to the circle's seam."""
    cdef uint32_t place = (ring.start + offset) & (ring.size - 1)
    at[0] = ring.data + place
    return ring.size - place


cdef inline void ring_copy_out(const Ring *ring, uint32_t offset, uint8_t *into, uint32_t length) noexcept nogil:
    """Copy bytes that are there."""
    cdef uint8_t *at
    cdef uint32_t run
    if length == 0:
        return
    run = ring_run(ring, offset, &at)
    if run >= length:
        memcpy(into, at, length)
    else:
        memcpy(into, at, run)
        memcpy(into + run, ring.data, length - run)


cdef inline void ring_copy_in(Ring *ring, uint32_t offset, const uint8_t *data, uint32_t length) noexcept nogil:
    """Put bytes down from an offset on; there is room (ring_room), `used` does not change."""
    cdef uint8_t *at
    cdef uint32_t run
    if length == 0:
        return
    run = ring_run(ring, offset, &at)
    if run >= length:
        memcpy(at, data, length)
    else:
        memcpy(at, data, run)
        memcpy(ring.data, data + run, length - run)


cdef inline uint32_t ring_size_class(uint32_t size) noexcept nogil:
    cdef uint32_t number = 0
    while number < RING_SIZES and <uint32_t>RING_LEAST << number < size:
        number += 1
    return number


cdef inline uint8_t *ring_take(RingPool *pool, uint32_t size) noexcept nogil:
    """Memory for a circle, NULL when there is none."""
    cdef uint32_t number
    cdef FreeRing *found
    if pool != NULL:
        number = ring_size_class(size)
        if number < RING_SIZES and pool.free_rings[number] != NULL:
            found = pool.free_rings[number]
            pool.free_rings[number] = found.next
            pool.held -= size
            return <uint8_t *>found
    return <uint8_t *>malloc(size)


cdef inline void ring_give(RingPool *pool, uint8_t *data, uint32_t size) noexcept nogil:
    """Keep a circle's memory for the next, or free it."""
    cdef uint32_t number
    if data != NULL and pool != NULL and size <= RING_KEPT - pool.held:
        number = ring_size_class(size)
        if number < RING_SIZES:
            (<FreeRing *>data).next = pool.free_rings[number]
            pool.free_rings[number] = <FreeRing *>data
            pool.held += size
            return
    free(data)


cdef inline void ring_pool_free(RingPool *pool) noexcept nogil:
    """Give back what the pool holds."""
    cdef uint32_t number
    cdef FreeRing *next
    for number in range(RING_SIZES):
        while pool.free_rings[number] != NULL:
            next = pool.free_rings[number].next
            free(pool.free_rings[number])
            pool.free_rings[number] = next
    pool.held = 0


cdef inline void ring_free(Ring *ring) noexcept nogil:
    ring_give(ring.pool, ring.data, ring.size)
    if ring.pool != NULL:
        ring.pool.taken -= ring.size
    ring.data = NULL
    ring.size = ring.start = ring.used = 0


cdef inline bint ring_resize(Ring *ring, uint32_t size, uint32_t kept) noexcept nogil:
    """Move the first `kept` bytes into a circle of that size; 0 when there is no memory."""
    cdef uint8_t *data = ring_take(ring.pool, size)
    if data == NULL:
        return 0
    ring_copy_out(ring, 0, data, kept)
    ring_give(ring.pool, ring.data, ring.size)
    if ring.pool != NULL:
        ring.pool.taken += size
        ring.pool.taken -= ring.size
    ring.data = data
    ring.size = size
    ring.start = 0
    return 1


cdef inline bint ring_room(Ring *ring, uint32_t length, uint32_t kept) noexcept nogil:
    """Make the circle at least `length` bytes, keeping the first `kept`; 0 when there is no memory."""
    cdef uint32_t size = ring.size if ring.size else RING_LEAST
    if length <= ring.size:
        return 1
    while size < length:
        size <<= 1
    if ring.pool != NULL and size > RING_LEAST and ring.pool.taken - ring.size + size > ring.pool.limit:
        return 0
    return ring_resize(ring, size, kept)


cdef inline void ring_shrink(Ring *ring, uint32_t kept) noexcept nogil:
    """Make the circle as small as the first `kept` bytes allow, all that is used: the others are forgotten."""
    cdef uint32_t size = RING_LEAST
    if kept == 0:
        ring_free(ring)
        return
    while size < kept:
        size <<= 1
    if size < ring.size:
        ring_resize(ring, size, kept)       # or it stays as it is


cdef inline void ring_skip(Ring *ring, uint32_t length) noexcept nogil:
    """Forget the oldest bytes."""
    ring.start = (ring.start + length) & (ring.size - 1) if ring.size else 0
    ring.used -= length
