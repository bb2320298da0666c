"""Changing the arrays of routes_direct.pxd: a route overwrites the leaves in its range that are no longer than it."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from netos.proto.pages cimport MADV_DONTNEED, madvise, pages_free, pages_get
from netos.proto.routes cimport Leaf, RouteTable, leaf_yields


cdef enum:
    FIRST_BLOCKS = 16
    ENTRIES_SIZE = 67108864  # bytes: an entry for each /24


cdef void fill(Leaf *entries, uint32_t count, uint32_t length, Leaf leaf) noexcept nogil:
    """Give entries the leaf of a route of some length where it goes before what is there; numbers of blocks stay."""
    cdef uint32_t at
    for at in range(count):
        if leaf_yields(entries[at], length):
            entries[at] = leaf


cdef int block_make(DirectTable *table, Leaf base) noexcept nogil:
    """An empty block's number, or -1 if there is no memory."""
    cdef uint32_t number, capacity
    cdef void *memory
    if table.free != 0:
        number = table.free - 1
        table.free = table.bases[number]
    else:
        if table.used == table.capacity:
            capacity = table.capacity * 2 if table.capacity != 0 else FIRST_BLOCKS
            memory = realloc(table.blocks, capacity * sizeof(DirectBlock))
            if memory == NULL:
                return -1
            table.blocks = <DirectBlock *>memory
            memory = realloc(table.bases, capacity * sizeof(Leaf))
            if memory == NULL:
                return -1
            table.bases = <Leaf *>memory
            table.capacity = capacity
        number = table.used
        table.used += 1
    memset(&table.blocks[number], 0, sizeof(DirectBlock))
    table.bases[number] = base
    return <int>number


cdef bint block_is_empty(const DirectBlock *block) noexcept nogil:
    cdef uint32_t at
    cdef Leaf anything = 0
    for at in range(256):
        anything |= block.entries[at]
    return anything == 0


cdef class DirectRoutes(RouteTable):
    """Routes in arrays indexed by the address: one or two reads, 64 MiB of address space (DirectIPLookup).

    Each /24 with routes longer than 24 bits takes 1 KiB more.
    """

    def __cinit__(self):
        self.table.entries = <Leaf *>pages_get(ENTRIES_SIZE)
        if self.table.entries == NULL:
            raise MemoryError

    def __dealloc__(self):
        pages_free(self.table.entries, ENTRIES_SIZE)
        free(self.table.blocks)
        free(self.table.bases)

    cdef int leaf_clear(self) except -1:
        cdef Leaf *entries = self.table.entries
        if madvise(entries, ENTRIES_SIZE, MADV_DONTNEED) < 0:  # which zeroes the pages, too
            raise MemoryError
        free(self.table.blocks)
        free(self.table.bases)
        memset(&self.table, 0, sizeof(DirectTable))
        self.table.entries = entries
        return 0

    cdef size_t leaf_memory(self) noexcept nogil:
        return ENTRIES_SIZE + self.table.capacity * (sizeof(DirectBlock) + sizeof(Leaf))

    cdef int32_t find(self, uint32_t address) noexcept nogil:
        return direct_lookup(&self.table, address)

    cdef void fill_middle(self, uint32_t prefix, uint32_t length, Leaf leaf) noexcept nogil:
        """Fill /24 entries, and the bases of the blocks among them."""
        cdef uint32_t at
        cdef uint32_t first = prefix >> 8
        cdef uint32_t count = <uint32_t>1 << (24 - length)
        cdef Leaf *entries = &self.table.entries[first]
        fill(entries, count, length, leaf)
        if self.table.used != 0:
            for at in range(count):
                if direct_is_block(entries[at]):
                    fill(&self.table.bases[entries[at] & DIRECT_BLOCK_MASK], 1, length, leaf)

    cdef int leaf_insert(self, uint32_t prefix, uint32_t length, Leaf leaf) except -1:
        cdef Leaf *entry
        cdef int number
        if length <= 8:
            fill(&self.table.short_entries[prefix >> 24], 256 >> length, length, leaf)
        elif length <= 24:
            self.fill_middle(prefix, length, leaf)
        else:
            entry = &self.table.entries[prefix >> 8]
            if not direct_is_block(entry[0]):
                number = block_make(&self.table, entry[0])
                if number < 0:
                    raise MemoryError
                entry[0] = <Leaf>1 << DIRECT_BLOCK_SHIFT | <Leaf>number
            number = entry[0] & DIRECT_BLOCK_MASK
            fill(&self.table.blocks[number].entries[prefix & 255], 1 << (32 - length), length, leaf)
        return 0

    cdef int leaf_remove(self, uint32_t prefix, uint32_t length) except -1:
        cdef Leaf *entry
        cdef uint32_t number
        if length <= 8:
            fill(&self.table.short_entries[prefix >> 24], 256 >> length, length, self.heir(prefix, length, 0))
        elif length <= 24:
            self.fill_middle(prefix, length, self.heir(prefix, length, 9))
        else:
            entry = &self.table.entries[prefix >> 8]
            number = entry[0] & DIRECT_BLOCK_MASK
            fill(&self.table.blocks[number].entries[prefix & 255], 1 << (32 - length), length,
                 self.heir(prefix, length, 25))
            if block_is_empty(&self.table.blocks[number]):
                entry[0] = self.table.bases[number]
                self.table.bases[number] = self.table.free
                self.table.free = number + 1
        return 0
