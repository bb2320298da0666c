"""Connection tracking: which packets belong together (in the manner of Linux's nf_conntrack), in bounded memory.

All memory is taken when the table is made. Time is an argument. The hash is keyed, so that nobody who sends packets can
choose which connections collide. A timing wheel frees what has expired; until it does, a look-up does not find it
either. When the table is full, a new connection takes the place of one that is not assured, if one is found soon.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from netos.proto.flow_index cimport index_add, index_remove, index_size
from netos.proto.icmp cimport (
    ICMP_ECHO, ICMP_ECHO_REPLY, ICMP_INFORMATION_REPLY, ICMP_INFORMATION_REQUEST, ICMP_MASK_REPLY, ICMP_MASK_REQUEST,
    ICMP_TIMESTAMP, ICMP_TIMESTAMP_REPLY,
)
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP
from netos.proto.pages cimport MADV_HUGEPAGE, madvise, pages_free, pages_get

cdef enum:
    HUGE_PAGE = 2097152         # tables smaller than this gain nothing from huge pages
    CANDIDATES = 64             # connections looked at for one to drop early
    CHOICE = 4                  # of which so many unassured ones are compared
    STRIDE = 1640531527         # a prime, so that every place has its turn, and neighbours do not follow each other

assert sizeof(Connection) == 128 and sizeof(Tuple) == 16


cdef uint8_t icmp_answer(uint8_t kind) noexcept nogil:
    """The type that answers a query, and the other way round; of any other type, itself."""
    if kind == ICMP_ECHO or kind == ICMP_ECHO_REPLY:
        return ICMP_ECHO + ICMP_ECHO_REPLY - kind
    if kind in (ICMP_TIMESTAMP, ICMP_INFORMATION_REQUEST, ICMP_MASK_REQUEST):
        return kind + 1
    if kind in (ICMP_TIMESTAMP_REPLY, ICMP_INFORMATION_REPLY, ICMP_MASK_REPLY):
        return kind - 1
    return kind


cdef bint tuple_invert(const Tuple *key, Tuple *inverse) noexcept nogil:
    """The tuple of packets in the other direction; 0 if there are none."""
    inverse.source, inverse.destination = key.destination, key.source
    inverse.source_port, inverse.destination_port = key.destination_port, key.source_port
    inverse.protocol, inverse.family, inverse.reserved = key.protocol, key.family, key.reserved
    inverse.kind = icmp_answer(key.kind) if key.protocol == IP_PROTOCOL_ICMP else key.kind
    return key.protocol != IP_PROTOCOL_ICMP or inverse.kind != key.kind


# Memory

cdef void *huge_get(size_t size) noexcept nogil:
    """Memory in huge pages where it is worth them and they can be had; NULL."""
    cdef void *memory = pages_get(size)
    if memory != NULL and size >= 2 * HUGE_PAGE:
        madvise(memory, size, MADV_HUGEPAGE)
    return memory


cdef bint flows_init(Flows *flows, uint32_t capacity, uint64_t first_key, uint64_t second_key) noexcept nogil:
    """An empty table; 0 if there is no memory."""
    memset(flows, 0, sizeof(Flows))
    flows.capacity = capacity
    flows.key[0], flows.key[1] = first_key, second_key
    flows.mask = 1
    while flows.mask < capacity // 2:       # four tags or fewer in a bucket, on average
        flows.mask = flows.mask << 1
    flows.mask -= 1
    flows.connections = <Connection *>huge_get(capacity * sizeof(Connection))
    flows.buckets = <Bucket *>huge_get(index_size(flows))
    flows.wheel = <uint32_t *>calloc(WHEEL_SLOTS, sizeof(uint32_t))
    if flows.connections == NULL or flows.buckets == NULL or flows.wheel == NULL:
        flows_free(flows)
        return 0
    return 1


cdef void flows_free(Flows *flows) noexcept nogil:
    pages_free(flows.connections, flows.capacity * sizeof(Connection))
    pages_free(flows.buckets, index_size(flows))
    free(flows.wheel)
    free(flows.half_open_counts)
    memset(flows, 0, sizeof(Flows))


cdef size_t flows_memory(const Flows *flows) noexcept nogil:
    """Bytes of address space, all taken when the table was made."""
    return flows.capacity * sizeof(Connection) + index_size(flows) + <size_t>WHEEL_SLOTS * sizeof(uint32_t)


# The wheel

cdef uint32_t number_of(const Flows *flows, const Connection *connection) noexcept nogil:
    return <uint32_t>(connection - flows.connections)


cdef void wheel_unlink(Flows *flows, Connection *connection) noexcept nogil:
    if connection.previous:
        flows.connections[connection.previous - 1].next = connection.next
    else:
        flows.wheel[connection.due & (WHEEL_SLOTS - 1)] = connection.next
    if connection.next:
        flows.connections[connection.next - 1].previous = connection.previous


cdef void wheel_link(Flows *flows, Connection *connection) noexcept nogil:
    cdef uint32_t *head
    connection.due = <uint32_t>(connection.expires >> WHEEL_SHIFT)
    head = &flows.wheel[connection.due & (WHEEL_SLOTS - 1)]
    connection.next = head[0]
    connection.previous = 0
    head[0] = number_of(flows, connection) + 1
    if connection.next:
        flows.connections[connection.next - 1].previous = head[0]


cdef void flow_relink(Flows *flows, Connection *connection) noexcept nogil:
    wheel_unlink(flows, connection)
    wheel_link(flows, connection)


cdef uint32_t flows_expire(Flows *flows, int64_t now, uint32_t limit) noexcept nogil:
    """Turn the wheel up to now, freeing at most `limit` connections (the rest at the next call); how many it freed."""
    cdef uint32_t target = <uint32_t>(now >> WHEEL_SHIFT)
    cdef uint32_t freed = 0
    cdef uint32_t number
    cdef Connection *connection
    if flows.count == 0 or <int32_t>(target - flows.tick) < 0:
        flows.tick = target
    elif target - flows.tick > WHEEL_SLOTS:
        flows.tick = target - WHEEL_SLOTS
    while flows.tick != target:
        number = flows.wheel[flows.tick & (WHEEL_SLOTS - 1)]
        while number:
            connection = &flows.connections[number - 1]
            number = connection.next
            if connection.expires <= now:
                if freed == limit:
                    return freed
                freed += 1
                flows.expired += 1
                flow_end(flows, connection)
            elif <int32_t>(connection.due - flows.tick) <= 0:
                flow_relink(flows, connection)
        flows.tick += 1
    return freed


# Connections

cdef uint32_t flow_lookup(Flows *flows, const Tuple *key, uint64_t hashed, int64_t now) noexcept nogil:
    """The reference of the connection and direction with this tuple, or NO_FLOW; one that has expired is freed."""
    cdef uint32_t reference = flow_find(flows, key, hashed)
    cdef Connection *connection
    if reference != NO_FLOW:
        connection = flow_of(flows, reference)
        if connection.expires <= now:
            flows.expired += 1
            flow_end(flows, connection)
            return NO_FLOW
    return reference


cdef Connection *victim(Flows *flows, int64_t now, uint8_t last_state) noexcept nogil:
    """The oldest of a few connections that are not assured, in states up to one; or NULL. Others next time."""
    cdef Connection *oldest = NULL
    cdef Connection *connection
    cdef uint32_t seen = 0
    cdef uint32_t left = min(<uint32_t>CANDIDATES, flows.touched)
    while left:
        left -= 1
        flows.hand = <uint32_t>((flows.hand + <uint64_t>STRIDE) % flows.touched)
        connection = &flows.connections[flows.hand]
        if connection.state == FLOW_FREE or connection.state > last_state:
            continue
        if connection.expires <= now:
            return connection
        if not connection.flags & FLOW_ASSURED:
            if oldest == NULL or connection.started < oldest.started:
                oldest = connection
            seen += 1
            if seen == CHOICE:
                break
    return oldest


cdef void give_way(Flows *flows, Connection *connection, int64_t now) noexcept nogil:
    if connection.expires <= now:
        flows.expired += 1
    else:
        flows.dropped_early += 1
    flow_end(flows, connection)


cdef bint flows_spare_half_open(Flows *flows, int64_t now) noexcept nogil:
    """Make sure there is room for one TCP handshake more; 0 if none of those under way gives way."""
    cdef Connection *connection
    if flows.half_open == 0 or (flows.states[<int>TCP_SYN_SENT] + flows.states[<int>TCP_SYN_CROSSED]
                                + flows.states[<int>TCP_SYN_RECEIVED]) < flows.half_open:
        return 1
    connection = victim(flows, now, TCP_SYN_RECEIVED)
    if connection == NULL:
        flows.half_open_refused += 1
        return 0
    give_way(flows, connection, now)
    return 1


cdef inline bint is_half_open(uint8_t state) noexcept nogil:
    return TCP_SYN_SENT <= state <= TCP_SYN_RECEIVED


cdef inline uint32_t *half_open_counter(const Flows *flows, int row, uint32_t destination) noexcept nogil:
    """The counter of a destination in one of the rows; others may share it, but hardly the same others in both."""
    cdef uint32_t at = <uint32_t>((destination * (flows.key[row] | 1)) >> 40) & (HALF_OPEN_ROW - 1)
    return &flows.half_open_counts[row * HALF_OPEN_ROW + at]


cdef void half_open_count(const Flows *flows, const Connection *connection, int change) noexcept nogil:
    half_open_counter(flows, 0, connection.tuples[0].destination)[0] += change
    half_open_counter(flows, 1, connection.tuples[0].destination)[0] += change


cdef bint flows_count_half_open(Flows *flows, uint32_t each) noexcept nogil:
    """Count handshakes by destination from now on, and allow so many (0: stop counting); 0 if there is no memory."""
    cdef uint32_t number
    flows.half_open_each = each
    if each == 0:
        free(flows.half_open_counts)
        flows.half_open_counts = NULL
    elif flows.half_open_counts == NULL:
        flows.half_open_counts = <uint32_t *>calloc(2 * HALF_OPEN_ROW, sizeof(uint32_t))
        if flows.half_open_counts == NULL:
            flows.half_open_each = 0
            return 0
        for number in range(flows.touched):
            if is_half_open(flows.connections[number].state):
                half_open_count(flows, &flows.connections[number], 1)
    return 1


cdef bint flows_half_open_full(const Flows *flows, uint32_t destination) noexcept nogil:
    """Whether a destination has as many handshakes under way as are allowed."""
    return (flows.half_open_counts != NULL
            and half_open_counter(flows, 0, destination)[0] >= flows.half_open_each
            and half_open_counter(flows, 1, destination)[0] >= flows.half_open_each)


cdef Connection *connection_get(Flows *flows, int64_t now) noexcept nogil:
    """A connection that is free, perhaps because another one had to give way; NULL if none would."""
    cdef Connection *connection
    if flows.free == 0 and flows.touched == flows.capacity:
        flows_expire(flows, now, 1)
    if flows.free == 0 and flows.touched == flows.capacity:
        connection = victim(flows, now, FLOW_STATES)
        if connection == NULL:
            return NULL
        give_way(flows, connection, now)
    if flows.free:
        connection = &flows.connections[flows.free - 1]
        flows.free = connection.next
    else:
        connection = &flows.connections[flows.touched]
        flows.touched += 1
    return connection


cdef uint32_t flow_create(Flows *flows, const Tuple *key, const Tuple *reply, uint64_t hashed, uint8_t state,
                          int64_t now) noexcept nogil:
    """A connection for a tuple that `flow_lookup` has not found; NO_FLOW if there is no room, or it hides another."""
    cdef uint64_t reply_hash = flow_hash(flows, reply)
    cdef Connection *connection
    cdef uint32_t number
    if flow_lookup(flows, reply, reply_hash, now) != NO_FLOW:
        flows.clashes += 1
        return NO_FLOW
    connection = connection_get(flows, now)
    if connection == NULL:
        flows.refused += 1
        return NO_FLOW
    memset(connection, 0, sizeof(Connection))
    connection.tuples[0], connection.tuples[1] = key[0], reply[0]
    connection.state = state
    connection.started = now
    connection.expires = now + min(flows.timeouts[state], flows.timeouts[<int>FLOW_UNCONFIRMED])
    number = number_of(flows, connection)
    index_add(flows, hashed, 2 * number + 1)
    if not tuple_equal(key, reply):
        index_add(flows, reply_hash, 2 * number + 2)
    wheel_link(flows, connection)
    if flows.count == 0:
        flows.tick = <uint32_t>(now >> WHEEL_SHIFT)
    flows.count += 1
    flows.states[state] += 1
    flows.created += 1
    if flows.half_open_counts != NULL and is_half_open(state):
        half_open_count(flows, connection, 1)
    return 2 * number + 1


cdef bint flow_map(Flows *flows, Connection *connection, const Tuple *reply, int64_t now) noexcept nogil:
    """Let the replies of a connection have another tuple (NAT); 0, and nothing done, if that belongs to somebody."""
    cdef uint64_t hashed = flow_hash(flows, reply)
    cdef uint32_t reference = 2 * number_of(flows, connection) + 2
    cdef uint32_t found = flow_lookup(flows, reply, hashed, now)
    if found != NO_FLOW:
        return found == reference
    if not tuple_equal(&connection.tuples[0], &connection.tuples[1]):
        index_remove(flows, flow_hash(flows, &connection.tuples[1]), reference)
    connection.tuples[1] = reply[0]
    connection.flags |= FLOW_MAPPED
    index_add(flows, hashed, reference)
    return 1


cdef void flow_enter(Flows *flows, Connection *connection, uint8_t state, int64_t now) noexcept nogil:
    """Change the state and begin its timeout."""
    flows.states[connection.state] -= 1
    flows.states[state] += 1
    if flows.half_open_counts != NULL and is_half_open(connection.state) != is_half_open(state):
        half_open_count(flows, connection, 1 if is_half_open(state) else -1)
    connection.state = state
    flow_refresh(flows, connection, now)


cdef void flow_confirm(Flows *flows, Connection *connection, int64_t now) noexcept nogil:
    """A filter has let a packet pass: from now on the state's own timeout counts, and replies belong to it."""
    connection.flags |= FLOW_CONFIRMED
    flow_refresh(flows, connection, now)


cdef void flow_end(Flows *flows, Connection *connection) noexcept nogil:
    """Forget a connection."""
    cdef uint32_t number = number_of(flows, connection)
    index_remove(flows, flow_hash(flows, &connection.tuples[0]), 2 * number + 1)
    if not tuple_equal(&connection.tuples[0], &connection.tuples[1]):
        index_remove(flows, flow_hash(flows, &connection.tuples[1]), 2 * number + 2)
    wheel_unlink(flows, connection)
    flows.states[connection.state] -= 1
    if flows.half_open_counts != NULL and is_half_open(connection.state):
        half_open_count(flows, connection, -1)
    flows.count -= 1
    connection.state = FLOW_FREE
    connection.next = flows.free
    flows.free = number + 1
