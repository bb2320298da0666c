"""TIME-WAIT in a few bytes: answers what still comes, and makes way for a new one (RFC 9293 3.10.7.4, RFC 6191)."""

from libc.stdint cimport int64_t, uint32_t

from netos.proto.deadlines cimport Deadline, deadline_clear, deadline_init, deadline_set
from netos.proto.slab cimport slab_give, slab_take
from netos.proto.tcp cimport TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, sequence_before
from netos.proto.tcp_block cimport (
    COUNT_TIME_WAIT_FULL, COUNT_TIME_WAIT_REUSED, KIND_TIME_WAIT, TCB_TIMESTAMPS, TIME_WAIT, Connection, Listener, Tcb,
    Tcp, TimeWait, tcp_clock,
)
from netos.proto.tcp_emit cimport Bare, put_timestamps, send_bare
from netos.proto.tcp_passive cimport listener_input
from netos.proto.tcp_segment cimport Segment, segment_span
from netos.proto.tcp_table cimport tcb_end, tcp_find_listener, tcp_insert, tcp_remove

cdef int64_t ANSWER_INTERVAL = 500000000


cdef void time_wait_enter(Tcb *tcb) noexcept nogil:
    """Both sides are closed: keep what is needed to answer, for twice the segment lifetime; the block is over."""
    cdef Tcp *tcp = tcb.tcp
    cdef TimeWait *wait = <TimeWait *>slab_take(&tcp.time_waits)
    tcb.connection.state = TIME_WAIT
    if wait == NULL:
        tcp.counts[COUNT_TIME_WAIT_FULL] += 1
        tcb_end(tcb, 0)
        return
    wait.connection = tcb.connection
    wait.connection.kind = KIND_TIME_WAIT
    wait.tcp = tcp
    wait.snd_nxt = tcb.snd_max
    wait.rcv_nxt = tcb.rcv_nxt
    wait.ts_recent = tcb.ts_recent
    wait.ts_offset = tcb.ts_offset
    wait.timestamps = tcb.bits & TCB_TIMESTAMPS != 0
    deadline_init(&wait.timer, time_wait_expire, wait)
    tcb_end(tcb, 0)
    tcp_insert(tcp, &wait.connection)
    deadline_set(&tcp.host.deadlines, &wait.timer, tcp.host.now + 2 * tcp.msl)


cdef void time_wait_end(TimeWait *wait) noexcept nogil:
    cdef Tcp *tcp = wait.tcp
    deadline_clear(&tcp.host.deadlines, &wait.timer)
    tcp_remove(tcp, &wait.connection)
    slab_give(&tcp.time_waits, wait)


cdef void time_wait_expire(Deadline *deadline) noexcept nogil:
    time_wait_end(<TimeWait *>deadline.object)


cdef bint make_way(Tcp *tcp, TimeWait *wait, const Segment *segment) noexcept nogil:
    """Let a SYN begin a new connection, if it is newer than the old one and somebody listens; 1: it has.

    The new one's numbers begin behind those of the old one (RFC 9293 section 3.6.1, MAY-2), of which segments may still
    be on their way: who has sent fast has left the clock of RFC 6528 behind.
    """
    cdef Connection connection = wait.connection
    cdef Listener *listener = tcp_find_listener(tcp, &connection.local, connection.local_port)
    cdef uint32_t left_off = wait.snd_nxt
    cdef bint newer = sequence_before(wait.rcv_nxt, segment.sequence) or segment.timestamps and not wait.timestamps
    if wait.timestamps and segment.timestamps and segment.ts_value != wait.ts_recent:
        newer = sequence_before(wait.ts_recent, segment.ts_value)
    if not newer or listener == NULL:
        return 0
    tcp.counts[COUNT_TIME_WAIT_REUSED] += 1
    time_wait_end(wait)
    listener_input(tcp, listener, &connection, segment, &left_off)
    return 1


cdef void time_wait_input(Tcp *tcp, TimeWait *wait, const Segment *segment) noexcept nogil:
    """A segment for the old connection, or a SYN for a new one between the same ends."""
    cdef Bare bare
    if segment.flags & TCP_RST:
        return                          # RFC 1337: a RST does not cut TIME-WAIT short
    if segment.flags & TCP_SYN and not segment.flags & (TCP_ACK | TCP_FIN) and make_way(tcp, wait, segment):
        return
    if segment.flags & TCP_FIN and segment.sequence + segment_span(segment) == wait.rcv_nxt:
        deadline_set(&tcp.host.deadlines, &wait.timer, tcp.host.now + 2 * tcp.msl)     # our last ACK was lost
    elif not segment.length and not segment.flags & (TCP_SYN | TCP_FIN) and segment.sequence == wait.rcv_nxt:
        return
    elif wait.answered_at and tcp.host.now - wait.answered_at < ANSWER_INTERVAL:
        return
    wait.answered_at = tcp.host.now
    bare.sequence, bare.acknowledgment, bare.flags, bare.window = wait.snd_nxt, wait.rcv_nxt, TCP_ACK, 0
    bare.options_length = 0
    if wait.timestamps:
        bare.options_length = put_timestamps(bare.options, tcp_clock(tcp) + wait.ts_offset, wait.ts_recent)
    send_bare(tcp, &wait.connection, &bare)
