"""A trie of IPv4 routes: the tree bitmap of Eatherton, Varghese and Dittia (2004), 8 bits and then four times 6.

A node decides 6 bits. Bitmaps say which prefixes of 1 to 6 bits more end in it and which children it has; one block of
memory holds exactly those, children first. A lookup visits at most four nodes and a change rewrites blocks of at most
2.5 KB on that path, so both take bounded time.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from netos.proto.routes cimport Leaf, RouteTable, leaf_hop


cdef extern from * nogil:
    """
    #if defined(__x86_64__) && !defined(__POPCNT__)
    /* The instruction is younger than the x86-64 that wheels are built for; without it gcc calls a function. */
    static inline unsigned netos_count_bits(unsigned long long word)
    {
        if (__builtin_expect(__builtin_cpu_supports("popcnt") != 0, 1)) {
            unsigned long long bits;
            __asm__("popcntq %1, %0" : "=r"(bits) : "r"(word) : "cc");
            return (unsigned)bits;
        }
        return (unsigned)__builtin_popcountll(word);
    }
    #else
    #define netos_count_bits(word) ((unsigned)__builtin_popcountll(word))
    #endif
    """
    uint32_t count_bits "netos_count_bits"(uint64_t)
    int highest_zeros "__builtin_clzll"(uint64_t)


cdef enum:
    RADIX_ROOTS = 256
    RADIX_UNIT = 16  # bytes; blocks are counted in units
    RADIX_LARGEST_BLOCK = 160  # 64 children of 32 bytes and 126 leaves of 4

ctypedef struct RadixNode:
    uint64_t inner  # prefixes of 1 to 5 bits; one of n bits with value v is bit 2**n - 2 + v
    uint64_t outer  # prefixes of all 6 bits
    uint64_t children
    uint32_t block  # children, then leaves in the order of `inner` and `outer`; zero is none
    Leaf above  # of a root: the longest route of up to 8 bits

ctypedef struct RadixTrie:
    uint8_t *memory  # the 256 roots, then blocks
    uint32_t capacity  # in units
    uint32_t used
    uint32_t freed[RADIX_LARGEST_BLOCK + 1]  # first free block of each size; its first word links to the next
    uint64_t ancestors[64]  # the bits of `inner` whose prefixes contain a 6-bit value


cdef inline RadixNode *radix_node(const RadixTrie *trie, uint32_t unit) noexcept nogil:
    return <RadixNode *>(trie.memory + <size_t>unit * RADIX_UNIT)


cdef inline uint64_t bits_below(uint32_t bit) noexcept nogil:
    return (<uint64_t>1 << bit) - 1


cdef inline int32_t radix_lookup(const RadixTrie *trie, uint32_t address) noexcept nogil:
    """The next hop of the longest route around an address in host order, or -1."""
    cdef const RadixNode *node = &(<const RadixNode *>trie.memory)[address >> 24]
    cdef const RadixNode *best = NULL
    cdef Leaf above = node.above
    cdef uint32_t best_value = 0
    cdef uint32_t leaf
    cdef uint32_t rest = address << 8
    cdef uint32_t value = rest >> 26
    cdef uint64_t inner
    while True:
        if (node.outer >> value & 1) | (node.inner & trie.ancestors[value]):
            best = node
            best_value = value
        if not node.children >> value & 1:
            break
        node = radix_node(trie, node.block) + count_bits(node.children & bits_below(value))
        rest <<= 6
        value = rest >> 26
    if best == NULL:
        return leaf_hop(above)
    if best.outer >> best_value & 1:
        leaf = count_bits(best.inner) + count_bits(best.outer & bits_below(best_value))
    else:
        inner = best.inner & trie.ancestors[best_value]
        leaf = count_bits(best.inner & bits_below(63 - highest_zeros(inner)))
    return leaf_hop((<const Leaf *>(radix_node(trie, best.block) + count_bits(best.children)))[leaf])


cdef class RadixRoutes(RouteTable):
    cdef RadixTrie trie

    cdef void set_above(self, uint32_t prefix, uint32_t length, Leaf leaf) noexcept nogil
    cdef int node_insert(self, uint32_t unit, uint32_t value, uint32_t bits, Leaf leaf) noexcept nogil
