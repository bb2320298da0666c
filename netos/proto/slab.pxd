"""Slabs: items of one size cut from chunks that grow on demand up to a limit; freed items are used again first."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset


cdef enum:
    SLAB_CHUNK = 64             # items made at once


cdef struct SlabItem:
    SlabItem *next


cdef struct Slab:
    SlabItem *free_items
    SlabItem *chunks
    uint32_t item_size
    uint32_t limit              # items at most
    uint32_t made
    uint32_t used


cdef inline void slab_init(Slab *slab, uint32_t item_size, uint32_t limit) noexcept nogil:
    slab.free_items = slab.chunks = NULL
    slab.item_size = (item_size + 15) & ~<uint32_t>15
    slab.limit = limit
    slab.made = slab.used = 0


cdef inline bint slab_grow(Slab *slab) noexcept nogil:
    cdef uint8_t *chunk
    cdef SlabItem *item
    cdef uint32_t i
    if slab.made >= slab.limit:
        return 0
    chunk = <uint8_t *>calloc(1, 16 + slab.item_size * SLAB_CHUNK)
    if chunk == NULL:
        return 0
    (<SlabItem *>chunk).next = slab.chunks
    slab.chunks = <SlabItem *>chunk
    for i in range(SLAB_CHUNK):
        item = <SlabItem *>(chunk + 16 + slab.item_size * (SLAB_CHUNK - 1 - i))
        item.next = slab.free_items
        slab.free_items = item
    slab.made += SLAB_CHUNK
    return 1


cdef inline void *slab_take(Slab *slab) noexcept nogil:
    """A zeroed item; NULL at the limit, or without memory."""
    cdef SlabItem *item
    if slab.used >= slab.limit or (slab.free_items == NULL and not slab_grow(slab)):
        return NULL
    item = slab.free_items
    slab.free_items = item.next
    slab.used += 1
    memset(item, 0, slab.item_size)
    return item


cdef inline void slab_give(Slab *slab, void *item) noexcept nogil:
    (<SlabItem *>item).next = slab.free_items
    slab.free_items = <SlabItem *>item
    slab.used -= 1


cdef inline void slab_free(Slab *slab) noexcept nogil:
    """Give back all memory; no item may be used after."""
    cdef SlabItem *chunk
    while slab.chunks != NULL:
        chunk = slab.chunks
        slab.chunks = chunk.next
        free(chunk)
    slab.free_items = NULL
    slab.made = slab.used = 0
