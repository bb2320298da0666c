"""IPv4 routes by direct lookup: DIR-24-8 of Gupta, Lin and McKeown (1998), one or two memory reads.

An array has an entry for each /24, and a /24 with longer routes has a block of 256 entries. Unlike in the paper,
shorter routes are not copied into what lies below them: an entry without a leaf falls back to its block's base, and
that to the 256 entries of routes of up to 8 bits. So a change writes at most 32 768 entries, and a default route takes
no memory.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint32_t

from netos.proto.routes cimport Leaf, RouteTable, leaf_hop


cdef enum:
    DIRECT_BLOCK_SHIFT = 31  # the bit of an entry that says: the number of a block, not a leaf
    DIRECT_BLOCK_MASK = 0xFFFFFF

ctypedef struct DirectBlock:
    Leaf entries[256]  # routes of 25 to 32 bits

ctypedef struct DirectTable:
    Leaf *entries  # routes of 9 to 24 bits, or blocks; mapped, so that pages never written cost nothing
    Leaf short_entries[256]  # routes of 0 to 8 bits
    DirectBlock *blocks
    Leaf *bases  # of each block: the route of 9 to 24 bits around it; of a free one: the next free number + 1
    uint32_t capacity  # blocks allocated
    uint32_t used
    uint32_t free  # number + 1, or 0


cdef inline bint direct_is_block(Leaf entry) noexcept nogil:
    return entry >> DIRECT_BLOCK_SHIFT


cdef inline int32_t direct_lookup(const DirectTable *table, uint32_t address) noexcept nogil:
    """The next hop of the longest route around an address in host order, or -1."""
    cdef Leaf entry = table.entries[address >> 8]
    cdef uint32_t number
    if direct_is_block(entry):
        number = entry & DIRECT_BLOCK_MASK
        entry = table.blocks[number].entries[address & 255]
        if entry == 0:
            entry = table.bases[number]
    if entry == 0:
        entry = table.short_entries[address >> 24]
    return leaf_hop(entry)


cdef class DirectRoutes(RouteTable):
    cdef DirectTable table

    cdef void fill_middle(self, uint32_t prefix, uint32_t length, Leaf leaf) noexcept nogil
