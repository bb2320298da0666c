"""Memory for packets: one arena in one shareable mapping, cut into fixed pools of buffers and descriptors."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef enum:
    SMALL_BUFFER = 2048
    LARGE_BUFFER = 69632    # 65 535 bytes of IP, Ethernet, headroom
    DESCRIPTOR_SIZE = 128


cdef struct Pool:
    uint8_t *base           # `capacity` items of `item_size` bytes
    uint32_t item_size
    uint32_t capacity
    uint32_t fresh          # items from here on were never used: their pages were never touched
    uint32_t free_count
    uint32_t *free          # numbers of returned items, last in first out
    int lock


cdef struct ArenaData:
    Pool small
    Pool large
    Pool descriptors
    uint32_t *references    # owners of each buffer; small buffers first, then large ones


cdef ArenaData *arena_get() except NULL
cdef uint32_t pool_take(Pool *pool, uint32_t wanted, uint8_t **items) noexcept nogil
cdef void pool_give(Pool *pool, uint32_t count, uint8_t **items) noexcept nogil


cdef inline uint32_t pool_number(Pool *pool, const uint8_t *item) noexcept nogil:
    return <uint32_t>((item - pool.base) // pool.item_size)


cdef inline uint32_t pool_available(Pool *pool) noexcept nogil:
    return pool.capacity - pool.fresh + pool.free_count
