"""Connections in a table of fixed size, found by the tuple of either direction; see flows.pyx.

A bucket of the hash index is one cache line of seven 32-bit tags, so that a look-up reads one line of the index and
one of the connection. A connection is two lines: what look-ups need, then counters and TCP windows. Addresses are
IPv4; `family` leaves room for IPv6, whose connections would keep their addresses in an array beside this one and a
keyed hash of each here.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.proto.siphash cimport sip_rounds
from netos.wire cimport load64


cdef extern from *:
    """
    /* without the statement after it gcc takes a function that only looks ahead for one without effect */
    #define netos_prefetch_line(at) do { __builtin_prefetch(at, 1, 3); __asm__ volatile("" : : "r"(at)); } while (0)
    """
    void prefetch_line "netos_prefetch_line"(const void *at) noexcept nogil


cdef enum:                      # states of a connection; its timeout depends on this alone
    FLOW_FREE
    TCP_SYN_SENT
    TCP_SYN_CROSSED             # both ends sent a SYN
    TCP_SYN_RECEIVED
    TCP_ESTABLISHED
    TCP_FIN_WAIT                # a FIN in one direction
    TCP_CLOSE_WAIT              # and its acknowledgment
    TCP_LAST_ACK                # a FIN in both directions
    TCP_TIME_WAIT
    TCP_CLOSED                  # by a RST
    UDP_UNREPLIED
    UDP_STREAM
    ICMP_QUERY
    OTHER_UNREPLIED
    OTHER_STREAM
    FLOW_UNCONFIRMED            # only a timeout: whatever no filter has let pass yet
    FLOW_STATES

cdef enum:                      # flags of a connection
    FLOW_REPLIED = 1            # packets have come in both directions
    FLOW_ASSURED = 2            # not to be dropped early
    FLOW_CONFIRMED = 4          # a filter let a packet pass
    FLOW_FIN_FORWARD = 8
    FLOW_FIN_REPLY = 16
    FLOW_MAPPED = 32            # the reply's tuple is not the original's inverse
    FLOW_LOOSE = 64             # picked up in the middle: window scales are not known

cdef enum:                      # what a packet is to its connection
    FLOW_UNTRACKED
    FLOW_NEW
    FLOW_ESTABLISHED
    FLOW_RELATED
    FLOW_INVALID
    FLOW_REFUSED                # there is no room for its connection
    FLOW_HALF_OPEN              # too many handshakes are under way

cdef enum:
    BUCKET_SLOTS = 7
    WHEEL_SLOTS = 8192
    WHEEL_SHIFT = 27            # a tick is 2**27 ns, about an eighth of a second
    FAMILY_IPV4 = 4
    NO_FLOW = 0                 # no reference
    HALF_OPEN_ROW = 32768       # counters of handshakes under way by destination, in each of two rows


cdef struct Tuple:              # a direction of a connection as its packets carry it, in host order; 16 bytes, no gaps
    uint32_t source
    uint32_t destination
    uint16_t source_port        # ICMP queries: the identifier, in both
    uint16_t destination_port
    uint8_t protocol
    uint8_t family
    uint8_t kind                # ICMP queries: the type
    uint8_t reserved


cdef struct Window:             # what one end has sent (van Rooij, Real Stateful TCP Packet Filtering, 2000)
    uint32_t end                # after the last byte sent
    uint32_t limit              # after the last byte that the other end has room for
    uint32_t largest            # window that this end has offered
    uint8_t scale
    uint8_t seen
    uint16_t reserved


cdef struct Connection:
    Tuple tuples[2]             # of the original direction, and of the reply
    int64_t expires
    uint32_t due                # the tick of the wheel it is linked at
    uint32_t next               # on the wheel, or among the free ones: number + 1
    uint32_t previous
    uint8_t state
    uint8_t flags
    uint16_t mark               # the owner's
    int64_t started
    uint64_t packets[2]
    uint64_t bytes[2]
    Window windows[2]


cdef struct Bucket:
    uint32_t tags[BUCKET_SLOTS]
    uint32_t references[BUCKET_SLOTS]   # (connection * 2 + direction) + 1
    uint32_t used
    uint32_t next               # overflow bucket + 1


cdef struct Flows:
    Connection *connections
    Bucket *buckets             # a power of two, then those for overflow
    uint32_t *wheel             # number + 1 of the first connection due at each tick
    uint64_t key[2]
    uint32_t capacity
    uint32_t mask
    uint32_t touched            # connections that have ever been used
    uint32_t free               # number + 1
    uint32_t overflow_touched
    uint32_t overflow_free
    uint32_t count
    uint32_t tick               # up to which the wheel has been turned
    uint32_t hand               # of the search for one to drop early
    bint loose                  # TCP in the middle starts a connection
    uint32_t half_open          # most connections whose handshake is not over; 0: no limit of their own
    uint32_t half_open_each     # the same for each destination address
    uint32_t *half_open_counts  # two rows of HALF_OPEN_ROW, by hash of the destination; NULL: not counted
    bint confirming             # somebody calls flow_confirm; else connections need none
    uint64_t created
    uint64_t expired
    uint64_t dropped_early
    uint64_t refused            # connections for which there was no room
    uint64_t half_open_refused  # handshakes that a limit on them did not let begin
    uint64_t clashes            # that would have hidden another one
    uint64_t killed
    uint64_t outside            # TCP segments out of their window
    uint32_t states[FLOW_STATES]
    int64_t timeouts[FLOW_STATES]


cdef inline bint tuple_equal(const Tuple *first, const Tuple *second) noexcept nogil:
    return (load64(<const uint8_t *>first) == load64(<const uint8_t *>second)
            and load64(<const uint8_t *>first + 8) == load64(<const uint8_t *>second + 8))


cdef inline uint64_t flow_hash(const Flows *flows, const Tuple *key) noexcept nogil:
    """SipHash-1-3 (Aumasson and Bernstein, 2012) of the sixteen bytes, without the block that holds the length."""
    cdef uint64_t v[4]
    cdef uint64_t word = load64(<const uint8_t *>key)
    v[0] = flows.key[0] ^ <uint64_t>0x736f6d6570736575ULL
    v[1] = flows.key[1] ^ <uint64_t>0x646f72616e646f6dULL
    v[2] = flows.key[0] ^ <uint64_t>0x6c7967656e657261ULL
    v[3] = flows.key[1] ^ <uint64_t>0x7465646279746573ULL
    v[3] ^= word
    sip_rounds(v, 1)
    v[0] ^= word
    word = load64(<const uint8_t *>key + 8)
    v[3] ^= word
    sip_rounds(v, 1)
    v[0] ^= word
    v[2] ^= 0xff
    sip_rounds(v, 3)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline Bucket *flow_bucket(const Flows *flows, uint64_t hashed) noexcept nogil:
    return &flows.buckets[hashed & flows.mask]


cdef inline Connection *flow_of(const Flows *flows, uint32_t reference) noexcept nogil:
    """The connection of a reference that is not NO_FLOW."""
    return &flows.connections[(reference - 1) >> 1]


cdef inline int flow_direction(uint32_t reference) noexcept nogil:
    """0: original; 1: reply."""
    return (reference - 1) & 1


cdef inline uint32_t flow_candidate(const Flows *flows, uint64_t hashed) noexcept nogil:
    """What the first bucket alone takes for the connection: a guess, worth a prefetch."""
    cdef Bucket *bucket = flow_bucket(flows, hashed)
    cdef uint32_t i
    for i in range(bucket.used):
        if bucket.tags[i] == <uint32_t>(hashed >> 32):
            return bucket.references[i]
    return NO_FLOW


cdef inline uint32_t flow_find(const Flows *flows, const Tuple *key, uint64_t hashed) noexcept nogil:
    """The reference of the connection and direction with this tuple, expired or not; NO_FLOW."""
    cdef Bucket *bucket = flow_bucket(flows, hashed)
    cdef uint32_t i, reference
    while True:
        for i in range(bucket.used):
            if bucket.tags[i] == <uint32_t>(hashed >> 32):
                reference = bucket.references[i]
                if tuple_equal(&flow_of(flows, reference).tuples[flow_direction(reference)], key):
                    return reference
        if bucket.next == 0:
            return NO_FLOW
        bucket = &flows.buckets[bucket.next - 1]


cdef uint8_t icmp_answer(uint8_t kind) noexcept nogil
cdef bint tuple_invert(const Tuple *key, Tuple *inverse) noexcept nogil
cdef bint flows_init(Flows *flows, uint32_t capacity, uint64_t first_key, uint64_t second_key) noexcept nogil
cdef void flows_free(Flows *flows) noexcept nogil
cdef size_t flows_memory(const Flows *flows) noexcept nogil
cdef uint32_t flow_lookup(Flows *flows, const Tuple *key, uint64_t hashed, int64_t now) noexcept nogil
cdef uint32_t flow_create(Flows *flows, const Tuple *key, const Tuple *reply, uint64_t hashed, uint8_t state,
                          int64_t now) noexcept nogil
cdef bint flow_map(Flows *flows, Connection *connection, const Tuple *reply, int64_t now) noexcept nogil
cdef void flow_enter(Flows *flows, Connection *connection, uint8_t state, int64_t now) noexcept nogil
cdef void flow_confirm(Flows *flows, Connection *connection, int64_t now) noexcept nogil
cdef bint flows_spare_half_open(Flows *flows, int64_t now) noexcept nogil
cdef bint flows_count_half_open(Flows *flows, uint32_t each) noexcept nogil
cdef bint flows_half_open_full(const Flows *flows, uint32_t destination) noexcept nogil
cdef void flow_end(Flows *flows, Connection *connection) noexcept nogil
cdef uint32_t flows_expire(Flows *flows, int64_t now, uint32_t limit) noexcept nogil


cdef void flow_relink(Flows *flows, Connection *connection) noexcept nogil


cdef inline void flow_refresh(Flows *flows, Connection *connection, int64_t now) noexcept nogil:
    """Let the state's timeout begin anew: the wheel finds out when it comes round, unless that would be too late."""
    cdef int64_t timeout = flows.timeouts[connection.state]
    if not connection.flags & FLOW_CONFIRMED and timeout > flows.timeouts[<int>FLOW_UNCONFIRMED]:
        timeout = flows.timeouts[<int>FLOW_UNCONFIRMED]
    connection.expires = now + timeout
    if <int32_t>(<uint32_t>(connection.expires >> WHEEL_SHIFT) - connection.due) < 0:
        flow_relink(flows, connection)
