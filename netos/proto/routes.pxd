"""IPv4 routes: what every table keeps of them, and the plain table that is searched from end to end.

A lookup in a table's C struct takes an address in host order and gives the number of a *next hop*, or -1; `hop_port`
and `hop_gateway` tell where it leads. Lookups may run at any time between two changes, which the control path makes.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from netos.proto.routes_index cimport Entry, Index, entry_is_free


cdef enum:
    LEAF_LENGTH_SHIFT = 24
    LEAF_HOP_MASK = 0xFFFFFF
    HOPS_MAXIMUM = 0xFFFFFF  # next hops in one table

# What searchable structures hold for a route: its length in bits 24 to 29, its next hop + 1 below; zero is no route.
ctypedef uint32_t Leaf

ctypedef struct RouteTableData:
    Index routes  # key: prefix << 8 | length; value: next hop
    Index hops  # key: gateway << 32 | port; value: how many routes lead there
    uint32_t lengths[33]  # routes of each prefix length


cdef inline uint64_t route_key(uint32_t prefix, uint32_t length) noexcept nogil:
    return <uint64_t>prefix << 8 | length


cdef inline Leaf leaf_make(uint32_t length, uint32_t hop) noexcept nogil:
    return length << LEAF_LENGTH_SHIFT | (hop + 1)


cdef inline int32_t leaf_hop(Leaf leaf) noexcept nogil:
    """The next hop, or -1."""
    return <int32_t>(leaf & LEAF_HOP_MASK) - 1


cdef inline bint leaf_yields(Leaf leaf, uint32_t length) noexcept nogil:
    """Whether a route of a length takes the place of a leaf: none, a shorter one, or that of the same prefix."""
    return leaf < (length + 1) << LEAF_LENGTH_SHIFT


cdef inline int32_t hop_port(const RouteTableData *data, int32_t hop) noexcept nogil:
    return <int32_t>data.hops.entries[hop].key


cdef inline uint32_t hop_gateway(const RouteTableData *data, int32_t hop) noexcept nogil:
    """In host order; zero when the destination itself is on the link."""
    return <uint32_t>(data.hops.entries[hop].key >> 32)


cdef inline bint route_covers(uint64_t key, uint32_t address) noexcept nogil:
    """Whether the prefix of a route's key contains the address."""
    return <uint64_t>(<uint32_t>(key >> 8) ^ address) >> (32 - (key & 63)) == 0


cdef inline int32_t linear_lookup(const RouteTableData *data, uint32_t address) noexcept nogil:
    """Look at every route: right for a handful, and the oracle of the other tables."""
    cdef uint32_t at
    cdef int32_t best = -1
    cdef int32_t best_length = -1
    cdef const Entry *entry
    for at in range(data.routes.used):
        entry = &data.routes.entries[at]
        if not entry_is_free(entry) and <int32_t>(entry.key & 63) > best_length and route_covers(entry.key, address):
            best = <int32_t>entry.value
            best_length = <int32_t>(entry.key & 63)
    return best


cdef class RouteTable:
    cdef RouteTableData data

    # What a table with a faster search overrides. leaf_insert adds a leaf or replaces that of the same prefix; it and
    # leaf_remove may raise nothing but MemoryError, and have then changed nothing.
    cdef int32_t find(self, uint32_t address) noexcept nogil
    cdef int leaf_insert(self, uint32_t prefix, uint32_t length, Leaf leaf) except -1
    cdef int leaf_remove(self, uint32_t prefix, uint32_t length) except -1
    cdef int leaf_clear(self) except -1
    cdef size_t leaf_memory(self) noexcept nogil

    cdef Leaf heir(self, uint32_t prefix, uint32_t length, uint32_t shortest) noexcept nogil
    cdef int add_route(self, uint32_t prefix, uint32_t length, uint32_t gateway, int32_t port, bint replace) except -1
    cdef int remove_route(self, Entry *route) except -1
    cdef void release_hop(self, uint32_t number) noexcept nogil
    cdef tuple route_tuple(self, Entry *route)
