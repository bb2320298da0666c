"""Neighbours: IPv4 addresses with their Ethernet addresses, and the packets that wait for one; see neighbours.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.kernel.timer cimport Timer
from netos.packet cimport Descriptor


cdef enum:
    NOBODY = 0xffffffff         # no place in an array

cdef enum:
    NEVER = 0x7fffffffffffffff  # a time that does not come

cdef enum:
    ASK_INTERVAL = 1000000000   # nanoseconds between queries for one address (RFC 1122 section 2.3.2.1)

cdef enum:
    FREE, ASKED, KNOWN          # states of a place


cdef struct Neighbour:
    uint32_t address            # network order
    uint8_t ether[6]
    uint8_t state
    uint8_t used                # known, and looked up since the hand of the clock last passed
    int64_t since               # when it became known, or was first asked for
    int64_t asked               # when it was last asked for
    uint32_t chain              # the next place in the bucket, or the next free one
    uint32_t older              # the list of its state, by `since`
    uint32_t younger
    uint32_t first              # its packets, in the order they came
    uint32_t last
    uint32_t waiting            # how many


cdef struct Waiting:
    Descriptor *packet
    uint32_t next


cdef struct Ages:
    uint32_t oldest
    uint32_t youngest


cdef struct Limits:             # 0: no limit, where nothing else is said
    uint32_t entries            # never 0
    uint32_t packets
    uint32_t entry_packets
    uint32_t slim_factor        # never 0
    int64_t timeout             # NEVER for none


cdef struct Neighbours:
    Neighbour *places
    uint32_t *buckets           # as many as places, a power of two
    Waiting *packets
    uint32_t seed               # of the hash, odd
    uint32_t shift
    uint32_t size               # places there are
    uint32_t count              # of neighbours
    uint32_t free               # first free place
    uint32_t hand               # of the clock that looks for a place to give up
    uint32_t packets_size
    uint32_t packets_count      # that wait
    uint32_t packets_free
    Ages ages[3]                # by state
    uint64_t drops              # packets that waited in vain
    Limits limits
    Timer *timer                # of the element that owns the table


cdef bint neighbours_init(Neighbours *table, uint32_t seed) noexcept nogil
cdef void neighbours_free(Neighbours *table) noexcept nogil
cdef void neighbours_limit(Neighbours *table, Element element, Limits limits) noexcept nogil
cdef Neighbour *neighbour_ensure(Neighbours *table, Element element, uint32_t address, int64_t now) noexcept nogil
cdef bint neighbour_wait(Neighbours *table, Element element, uint32_t address, Descriptor *packet,
                         int64_t now) noexcept nogil
cdef uint32_t neighbour_learn(Neighbours *table, Neighbour *neighbour, const uint8_t *ether,
                              int64_t now) noexcept nogil
cdef Descriptor *waiting_take(Neighbours *table, uint32_t *chain) noexcept nogil
cdef void neighbour_forget(Neighbours *table, Element element, Neighbour *neighbour, int reason) noexcept nogil
cdef void neighbours_expire(Neighbours *table, Element element, int64_t now) noexcept nogil
cdef void neighbours_clear(Neighbours *table, Element element, int reason) noexcept nogil


cdef inline Neighbour *neighbour_find(Neighbours *table, uint32_t address) noexcept nogil:
    cdef uint32_t at = table.buckets[(address * table.seed) >> table.shift]
    while at != <uint32_t>NOBODY:
        if table.places[at].address == address:
            return &table.places[at]
        at = table.places[at].chain
    return NULL


cdef inline bint neighbour_ask(Neighbour *neighbour, int64_t now) noexcept nogil:
    """Whether a query for the address may be sent; if so, it counts as sent."""
    if now - neighbour.asked < ASK_INTERVAL:
        return 0
    neighbour.asked = now
    return 1
