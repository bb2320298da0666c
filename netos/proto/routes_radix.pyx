"""Changing the trie of routes_radix.pxd: blocks are replaced by ones with a child or a leaf more or less."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from netos.proto.routes cimport Leaf, RouteTable, leaf_yields


cdef enum:
    FIRST_CAPACITY = 1024  # units
    UNITS_A_NODE = 2
    LEAVES_A_UNIT = 4
    NOWHERE = 0xFFFF  # neither a child nor a leaf is that far
    DEPTHS = 4


cdef inline uint32_t block_units(uint32_t children, uint32_t leaves) noexcept nogil:
    """The size of a block, rounded up so that there are four sizes from one power of two to the next."""
    cdef uint32_t units = children * UNITS_A_NODE + (leaves + LEAVES_A_UNIT - 1) // LEAVES_A_UNIT
    cdef uint32_t grain
    if units <= 8:
        return units
    grain = <uint32_t>1 << (61 - highest_zeros(units - 1))
    return (units + grain - 1) & ~(grain - 1)


cdef uint32_t block_take(RadixTrie *trie, uint32_t units) noexcept nogil:
    """A block, or zero if there is no memory; the trie may move."""
    cdef uint32_t block = trie.freed[units]
    cdef uint32_t capacity = trie.capacity
    cdef uint8_t *memory
    if block != 0:
        trie.freed[units] = (<uint32_t *>radix_node(trie, block))[0]
        return block
    if capacity - trie.used < units:
        if capacity > <uint32_t>0x7FFFFFFF:
            return 0
        memory = <uint8_t *>realloc(trie.memory, <size_t>capacity * 2 * RADIX_UNIT)
        if memory == NULL:
            return 0
        trie.memory = memory
        trie.capacity = capacity * 2
    block = trie.used
    trie.used += units
    return block


cdef void block_give(RadixTrie *trie, uint32_t block, uint32_t units) noexcept nogil:
    if units != 0:
        (<uint32_t *>radix_node(trie, block))[0] = trie.freed[units]
        trie.freed[units] = block


cdef inline uint32_t leaf_count(const RadixNode *node) noexcept nogil:
    return count_bits(node.inner) + count_bits(node.outer)


cdef inline Leaf *node_leaves(const RadixTrie *trie, const RadixNode *node) noexcept nogil:
    return <Leaf *>(radix_node(trie, node.block) + count_bits(node.children))


cdef void copy_with_gap(uint8_t *target, const uint8_t *source, uint32_t count, uint32_t size, uint32_t grow_at,
                        uint32_t drop_at) noexcept nogil:
    """Copy an array, leaving room before item `grow_at` and leaving out item `drop_at`."""
    cdef uint32_t split = grow_at if grow_at < drop_at else drop_at
    if split >= count:
        split = count
    memcpy(target, source, split * size)
    if drop_at < count:
        memcpy(target + split * size, source + (split + 1) * size, (count - split - 1) * size)
    elif grow_at <= count:
        memset(target + split * size, 0, size)
        memcpy(target + (split + 1) * size, source + split * size, (count - split) * size)


cdef int reshape(RadixTrie *trie, uint32_t unit, uint32_t new_child, uint32_t old_child, uint32_t new_leaf,
                 uint32_t old_leaf) noexcept nogil:
    """Replace a node's block by one with a zeroed child or leaf more, or one less; -1 if there is no memory.

    The bitmaps are the caller's to change, after. What is not to change is NOWHERE.
    """
    cdef RadixNode *node = radix_node(trie, unit)
    cdef uint32_t children = count_bits(node.children)
    cdef uint32_t leaves = leaf_count(node)
    cdef uint32_t before = block_units(children, leaves)
    cdef uint32_t children_after = children + (new_child != NOWHERE) - (old_child != NOWHERE)
    cdef uint32_t after = block_units(children_after, leaves + (new_leaf != NOWHERE) - (old_leaf != NOWHERE))
    cdef uint32_t block = 0
    cdef uint8_t *source
    cdef uint8_t *target
    if after != 0:
        block = block_take(trie, after)
        if block == 0:
            return -1
        node = radix_node(trie, unit)
        source = <uint8_t *>radix_node(trie, node.block)
        target = <uint8_t *>radix_node(trie, block)
        copy_with_gap(target, source, children, sizeof(RadixNode), new_child, old_child)
        copy_with_gap(target + children_after * sizeof(RadixNode), source + children * sizeof(RadixNode), leaves,
                      sizeof(Leaf), new_leaf, old_leaf)
    block_give(trie, node.block, before)
    node.block = block
    return 0


cdef inline uint32_t child_unit(const RadixTrie *trie, uint32_t unit, uint32_t value) noexcept nogil:
    cdef const RadixNode *node = radix_node(trie, unit)
    return node.block + UNITS_A_NODE * count_bits(node.children & bits_below(value))


cdef void prune(RadixTrie *trie, const uint32_t *path, uint32_t depth, uint32_t prefix) noexcept nogil:
    """Take empty nodes off the end of a path; one that stays for want of memory does no harm."""
    cdef RadixNode *node
    cdef uint32_t value
    while depth > 0:
        node = radix_node(trie, path[depth])
        if node.inner | node.outer | node.children:
            return
        depth -= 1
        value = prefix << (8 + 6 * depth) >> 26
        node = radix_node(trie, path[depth])
        if reshape(trie, path[depth], NOWHERE, count_bits(node.children & bits_below(value)), NOWHERE, NOWHERE) < 0:
            return
        radix_node(trie, path[depth]).children &= ~(<uint64_t>1 << value)


cdef class RadixRoutes(RouteTable):
    """Routes in a compressed trie: little memory, four steps at most (RadixIPLookup)."""

    def __cinit__(self):
        cdef uint32_t value, bits
        for value in range(64):
            for bits in range(1, 6):
                self.trie.ancestors[value] |= <uint64_t>1 << ((1 << bits) - 2 + (value >> (6 - bits)))
        self.leaf_clear()

    def __dealloc__(self):
        free(self.trie.memory)

    cdef int32_t find(self, uint32_t address) noexcept nogil:
        return radix_lookup(&self.trie, address)

    cdef size_t leaf_memory(self) noexcept nogil:
        return <size_t>self.trie.capacity * RADIX_UNIT

    cdef int leaf_clear(self) except -1:
        cdef uint8_t *memory = <uint8_t *>realloc(self.trie.memory, FIRST_CAPACITY * RADIX_UNIT)
        if memory == NULL:
            raise MemoryError
        memset(memory, 0, RADIX_ROOTS * sizeof(RadixNode))
        memset(self.trie.freed, 0, sizeof(self.trie.freed))
        self.trie.memory = memory
        self.trie.capacity = FIRST_CAPACITY
        self.trie.used = RADIX_ROOTS * UNITS_A_NODE
        return 0

    cdef void set_above(self, uint32_t prefix, uint32_t length, Leaf leaf) noexcept nogil:
        cdef uint32_t value
        cdef RadixNode *roots = radix_node(&self.trie, 0)
        for value in range(prefix >> 24, (prefix >> 24) + (256 >> length)):
            if leaf_yields(roots[value].above, length):
                roots[value].above = leaf

    cdef int leaf_insert(self, uint32_t prefix, uint32_t length, Leaf leaf) except -1:
        cdef uint32_t depth = 0
        cdef uint32_t unit = (prefix >> 24) * UNITS_A_NODE
        cdef uint32_t path[DEPTHS]
        cdef uint32_t value
        cdef RadixNode *node
        if length <= 8:
            self.set_above(prefix, length, leaf)
            return 0
        while True:
            path[depth] = unit
            value = prefix << (8 + 6 * depth) >> 26
            if length <= 14 + 6 * depth:
                break
            node = radix_node(&self.trie, unit)
            if not node.children >> value & 1:
                if reshape(&self.trie, unit, count_bits(node.children & bits_below(value)), NOWHERE, NOWHERE,
                           NOWHERE) < 0:
                    prune(&self.trie, path, depth, prefix)
                    raise MemoryError
                radix_node(&self.trie, unit).children |= <uint64_t>1 << value
            unit = child_unit(&self.trie, unit, value)
            depth += 1
        if self.node_insert(unit, value, length - 8 - 6 * depth, leaf) < 0:
            prune(&self.trie, path, depth, prefix)
            raise MemoryError
        return 0

    cdef int node_insert(self, uint32_t unit, uint32_t value, uint32_t bits, Leaf leaf) noexcept nogil:
        """Put a leaf into the node where its last `bits` bits end, which begin `value`; -1 if there is no memory."""
        cdef RadixNode *node = radix_node(&self.trie, unit)
        cdef uint32_t at = leaf_place(node, value, bits)
        cdef uint64_t bit = leaf_bit(value, bits)
        if not (node.outer if bits == 6 else node.inner) & bit:
            if reshape(&self.trie, unit, NOWHERE, NOWHERE, at, NOWHERE) < 0:
                return -1
            node = radix_node(&self.trie, unit)
            if bits == 6:
                node.outer |= bit
            else:
                node.inner |= bit
        node_leaves(&self.trie, node)[at] = leaf
        return 0

    cdef int leaf_remove(self, uint32_t prefix, uint32_t length) except -1:
        cdef uint32_t depth = 0
        cdef uint32_t unit = (prefix >> 24) * UNITS_A_NODE
        cdef uint32_t path[DEPTHS]
        cdef uint32_t value, bits, at
        cdef RadixNode *node
        if length <= 8:
            self.set_above(prefix, length, self.heir(prefix, length, 0))
            return 0
        while True:
            path[depth] = unit
            value = prefix << (8 + 6 * depth) >> 26
            if length <= 14 + 6 * depth:
                break
            unit = child_unit(&self.trie, unit, value)
            depth += 1
        bits = length - 8 - 6 * depth
        at = leaf_place(radix_node(&self.trie, unit), value, bits)
        if reshape(&self.trie, unit, NOWHERE, NOWHERE, NOWHERE, at) < 0:
            raise MemoryError
        node = radix_node(&self.trie, unit)
        if bits == 6:
            node.outer &= ~leaf_bit(value, bits)
        else:
            node.inner &= ~leaf_bit(value, bits)
        prune(&self.trie, path, depth, prefix)
        return 0


cdef inline uint64_t leaf_bit(uint32_t value, uint32_t bits) noexcept nogil:
    """The bit of a prefix of 1 to 6 bits in its bitmap, `inner` or `outer`."""
    return <uint64_t>1 << (value if bits == 6 else (1 << bits) - 2 + (value >> (6 - bits)))


cdef inline uint32_t leaf_place(const RadixNode *node, uint32_t value, uint32_t bits) noexcept nogil:
    """Where the leaf of a prefix is, or would be, among a node's leaves."""
    cdef uint64_t below = leaf_bit(value, bits) - 1
    if bits == 6:
        return count_bits(node.inner) + count_bits(node.outer & below)
    return count_bits(node.inner & below)
