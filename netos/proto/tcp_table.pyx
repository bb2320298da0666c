"""All connections of a host: a hash table by endpoints, keyed so that nobody outside can make its buckets long.

Sequence numbers begin as RFC 6528 has it, timestamps at an offset of each pair of endpoints (RFC 7323 section 5.4),
ephemeral ports are chosen by RFC 6056's third algorithm; all from the host's secret.
"""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from netos.proto.deadlines cimport deadline_clear
from netos.proto.host cimport Host
from netos.proto.inet cimport Address, address_equal, address_is_any
from netos.proto.ranges cimport ranges_free
from netos.proto.ring cimport ring_free, ring_pool_free
from netos.proto.siphash cimport siphash_words
from netos.proto.slab cimport slab_free, slab_give, slab_init, slab_take
from netos.proto.tcp_block cimport (
    CLOSED, COUNT_NO_MEMORY, EVENT_CLOSED, KIND_BLOCK, TCB_IN_TABLE, TCB_ORPHAN, TCB_TOUCHED, TCP_COUNTS, TCP_TIMERS,
    TIME_WAIT, Connection, HalfOpen, Listener, Tcb, Tcp, TimeWait, tcb_notify,
)

cdef enum:
    TABLE_LEAST = 256
    SALT_TABLE = 1
    SALT_SEQUENCE = 2
    SALT_TIMESTAMP = 3
    SALT_PORT = 4

cdef int64_t SECOND = 1000000000

COUNTERS = (
    "active_opens", "passive_opens", "attempt_fails", "established_resets", "in_segments", "out_segments",
    "retransmitted", "in_errors", "out_resets", "bad_checksum", "no_listener", "out_of_window", "challenge_acks",
    "paws", "out_of_order", "duplicates", "timeouts", "fast_retransmits", "probes", "keepalives", "cookies_sent",
    "cookies_taken", "cookies_refused", "backlog_full", "time_wait_reused", "time_wait_full", "no_memory", "no_buffer",
    "path_mtu", "icmp_ignored", "abandoned", "tail_probes", "tail_repairs", "black_holes", "pruned",
)


cdef int tcp_init(Tcp *tcp, Host *host, uint32_t connections) except -1:
    """Get ready for that many connections at most, in each of their kinds."""
    assert len(COUNTERS) == TCP_COUNTS
    tcp.host = host
    tcp.table = <Connection **>calloc(TABLE_LEAST, sizeof(Connection *))
    if tcp.table == NULL:
        raise MemoryError("no memory for TCP's table of connections")
    tcp.table_mask = TABLE_LEAST - 1
    slab_init(&tcp.blocks, sizeof(Tcb), connections)
    slab_init(&tcp.half_opens, sizeof(HalfOpen), 4096)
    slab_init(&tcp.time_waits, sizeof(TimeWait), connections)
    tcp.port_first, tcp.port_last = 32768, 60999
    tcp.rto_minimum = SECOND // 5
    tcp.rto_maximum = 60 * SECOND
    tcp.msl = 30 * SECOND
    tcp.delayed_ack = SECOND // 25
    tcp.user_timeout = 120 * SECOND
    tcp.receive_limit = 1 << 20
    tcp.send_limit = 1 << 20
    tcp.initial_window = 10
    tcp.rings.limit = 256 << 20
    return 0


cdef void tcp_free(Tcp *tcp) noexcept nogil:
    """Give back all memory, of connections that live, too."""
    cdef uint32_t at
    cdef Connection *connection
    cdef Listener *listener
    if tcp.table != NULL:
        for at in range(tcp.table_mask + 1):
            connection = tcp.table[at]
            while connection != NULL:
                if connection.kind == KIND_BLOCK:
                    tcb_free_buffers(<Tcb *>connection)
                connection = connection.next
    tcp_bury(tcp)
    while tcp.listeners != NULL:
        listener = tcp.listeners
        tcp.listeners = listener.next
        free(listener)
    free(tcp.table)
    tcp.table = NULL
    slab_free(&tcp.blocks)
    slab_free(&tcp.half_opens)
    slab_free(&tcp.time_waits)
    ring_pool_free(&tcp.rings)


cdef uint64_t tuple_hash(const Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote,
                         uint16_t remote_port, uint64_t salt) noexcept nogil:
    """A keyed hash of a pair of endpoints; the salt makes several of it."""
    cdef uint64_t words[6]
    words[0], words[1] = local.words[0], local.words[1]
    words[2], words[3] = remote.words[0], remote.words[1]
    words[4] = <uint64_t>local_port << 16 | remote_port
    words[5] = salt
    return siphash_words(tcp.host.secret, words, 6)


cdef Connection *tcp_find(Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote,
                          uint16_t remote_port) noexcept nogil:
    """The connection between two endpoints, or NULL."""
    cdef uint32_t hash = <uint32_t>tuple_hash(tcp, local, local_port, remote, remote_port, SALT_TABLE)
    cdef Connection *found = tcp.table[hash & tcp.table_mask]
    while found != NULL:
        if (found.hash == hash and found.remote_port == remote_port and found.local_port == local_port
                and address_equal(&found.remote, remote) and address_equal(&found.local, local)):
            return found
        found = found.next
    return NULL


cdef void grow(Tcp *tcp) noexcept nogil:
    cdef uint32_t mask = tcp.table_mask * 2 + 1, at
    cdef Connection **table = <Connection **>calloc(mask + 1, sizeof(Connection *))
    cdef Connection *moved
    if table == NULL:
        return
    for at in range(tcp.table_mask + 1):
        while tcp.table[at] != NULL:
            moved = tcp.table[at]
            tcp.table[at] = moved.next
            moved.next = table[moved.hash & mask]
            table[moved.hash & mask] = moved
    free(tcp.table)
    tcp.table, tcp.table_mask = table, mask


cdef void tcp_insert(Tcp *tcp, Connection *connection) noexcept nogil:
    """Have a connection found from now on."""
    cdef Connection **bucket
    connection.hash = <uint32_t>tuple_hash(tcp, &connection.local, connection.local_port, &connection.remote,
                                           connection.remote_port, SALT_TABLE)
    if tcp.count > tcp.table_mask:
        grow(tcp)
    bucket = &tcp.table[connection.hash & tcp.table_mask]
    connection.next = bucket[0]
    bucket[0] = connection
    tcp.count += 1
    if connection.kind == KIND_BLOCK:
        (<Tcb *>connection).bits |= TCB_IN_TABLE


cdef void tcp_remove(Tcp *tcp, Connection *connection) noexcept nogil:
    cdef Connection **at = &tcp.table[connection.hash & tcp.table_mask]
    while at[0] != NULL:
        if at[0] == connection:
            at[0] = connection.next
            tcp.count -= 1
            break
        at = &at[0].next
    if connection.kind == KIND_BLOCK:
        (<Tcb *>connection).bits &= ~<uint32_t>TCB_IN_TABLE


cdef Listener *tcp_find_listener(Tcp *tcp, const Address *local, uint16_t port) noexcept nogil:
    """Who listens there: on the address itself before on all of them; who is only bound (backlog 0) does not."""
    cdef Listener *listener = tcp.listeners
    cdef Listener *general = NULL
    while listener != NULL:
        if listener.port == port and listener.backlog:
            if address_equal(&listener.local, local):
                return listener
            if address_is_any(&listener.local):
                general = listener
        listener = listener.next
    return general


cdef bint port_kept(const Tcp *tcp, const Address *local, uint16_t port) noexcept nogil:
    """Whether somebody listens there or is bound to it, also on one address of all or all of one."""
    cdef const Listener *listener = tcp.listeners
    while listener != NULL:
        if listener.port == port and (address_equal(&listener.local, local) or address_is_any(&listener.local)
                                      or address_is_any(local)):
            return True
        listener = listener.next
    return False


cdef uint32_t initial_sequence(const Tcp *tcp, const Connection *connection) noexcept nogil:
    """RFC 6528: a clock of four microseconds, plus a keyed hash of the endpoints."""
    return <uint32_t>(tcp.host.now // 4000) + <uint32_t>tuple_hash(
        tcp, &connection.local, connection.local_port, &connection.remote, connection.remote_port, SALT_SEQUENCE)


cdef uint32_t timestamp_offset(const Tcp *tcp, const Connection *connection) noexcept nogil:
    return <uint32_t>tuple_hash(tcp, &connection.local, connection.local_port, &connection.remote,
                                connection.remote_port, SALT_TIMESTAMP)


cdef int32_t choose_port(Tcp *tcp, const Address *local, const Address *remote, uint16_t remote_port) noexcept nogil:
    """A free ephemeral port towards a remote endpoint (RFC 6056 section 3.3.3), -1 when all are taken."""
    cdef uint32_t span = <uint32_t>tcp.port_last - tcp.port_first + 1, port
    cdef uint32_t offset = <uint32_t>tuple_hash(tcp, local, 0, remote, remote_port, SALT_PORT)
    for _ in range(span):
        tcp.port_counter += 1
        port = tcp.port_first + (offset + tcp.port_counter) % span
        if (tcp_find(tcp, local, <uint16_t>port, remote, remote_port) == NULL
                and not port_kept(tcp, local, <uint16_t>port)):
            return <int32_t>port
    return -1


cdef Tcb *tcb_make(Tcp *tcp) noexcept nogil:
    """A fresh block in CLOSED, not yet in the table; NULL when there may be no more."""
    cdef Tcb *tcb = <Tcb *>slab_take(&tcp.blocks)
    if tcb == NULL:
        tcp.counts[COUNT_NO_MEMORY] += 1
        return NULL
    tcb.connection.kind = KIND_BLOCK
    tcb.tcp = tcp
    tcb.send.pool = tcb.receive.pool = &tcp.rings
    tcb.rto = SECOND
    tcb.receive_limit = tcp.receive_limit
    tcb.send_limit = tcp.send_limit
    tcb.user_timeout = tcp.user_timeout
    tcb.keepalive_idle = 7200 * SECOND
    tcb.keepalive_interval = 75 * SECOND
    tcb.keepalive_count = 9
    tcb.heard_at = tcp.host.now
    return tcb


cdef void tcb_free_buffers(Tcb *tcb) noexcept nogil:
    ring_free(&tcb.send)
    ring_free(&tcb.receive)
    ranges_free(&tcb.received)
    ranges_free(&tcb.sacked)


cdef void tcb_end(Tcb *tcb, int32_t error) noexcept nogil:
    """The connection is over: nothing is sent or received any more; what was received can still be read."""
    cdef int which
    if tcb.bits & TCB_IN_TABLE:
        tcp_remove(tcb.tcp, &tcb.connection)
    deadline_clear(&tcb.tcp.host.deadlines, &tcb.timer)
    for which in range(TCP_TIMERS):
        tcb.deadline[which] = 0
    if tcb.connection.state != TIME_WAIT:
        tcb.connection.state = CLOSED
    tcb.error = error
    ring_free(&tcb.send)
    ranges_free(&tcb.sacked)
    tcb_notify(tcb, EVENT_CLOSED)
    if tcb.owner == NULL and tcb.listener == NULL:
        tcb_release(tcb)


cdef void tcb_release(Tcb *tcb) noexcept nogil:
    """Nobody looks at the block any more: free it at the next tcp_bury."""
    tcb.bits |= TCB_ORPHAN
    tcb.next_dead = tcb.tcp.dead
    tcb.tcp.dead = tcb


cdef void tcp_bury(Tcp *tcp) noexcept nogil:
    """Free the blocks that are over; not while any function holds one."""
    cdef Tcb *tcb
    cdef Tcb **at
    if tcp.dead == NULL:
        return
    while tcp.dead != NULL:
        tcb = tcp.dead
        tcp.dead = tcb.next_dead
        if tcb.bits & TCB_TOUCHED:
            at = &tcp.touched
            while at[0] != tcb:
                at = &at[0].next_touched
            at[0] = tcb.next_touched
        deadline_clear(&tcb.tcp.host.deadlines, &tcb.timer)
        tcb_free_buffers(tcb)
        slab_give(&tcp.blocks, tcb)


cdef dict tcp_memory(const Tcp *tcp):
    """Bytes that were taken: `blocks`, `half_opens`, `time_waits` and the `table` of all connections.

    `rings` are the buffers of connections; `free_rings` are kept for the next connection that needs one.
    """
    return {"blocks": tcp.blocks.made * tcp.blocks.item_size, "rings": tcp.rings.taken,
            "free_rings": tcp.rings.held,
            "half_opens": tcp.half_opens.made * tcp.half_opens.item_size,
            "time_waits": tcp.time_waits.made * tcp.time_waits.item_size,
            "table": (tcp.table_mask + 1) * sizeof(void *)}
