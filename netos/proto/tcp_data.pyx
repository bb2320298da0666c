"""What a segment brings: data put in order, FIN, and the ACK they ask for (RFC 9293 3.10.7.4, RFC 5681 4.2)."""

from libc.errno cimport EPIPE
from libc.stdint cimport uint32_t

from netos.proto.ranges cimport ranges_add, ranges_forget
from netos.proto.ring cimport RING_LEAST, RingPool, ring_copy_in, ring_room, ring_shrink
from netos.proto.tcp cimport TCP_ACK, TCP_FIN, TCP_RST, sequence_before
from netos.proto.tcp_block cimport (
    COUNT_DUPLICATES, COUNT_NO_MEMORY, COUNT_OUT_OF_ORDER, COUNT_PRUNED, ESTABLISHED, EVENT_FINISHED, EVENT_READABLE,
    EVENT_URGENT, FIN_WAIT_1, FIN_WAIT_2, KIND_BLOCK, TCB_ACK_DELAYED, TCB_ACK_NOW, TCB_DSACK, TCB_FIN_AHEAD,
    TCB_FIN_RECEIVED, TCB_NO_ROOM, TCB_ORPHAN, TCB_READ_CLOSED, TCB_SACK, TCB_URGENT_IN, TIMER_DELAYED_ACK, TIME_WAIT,
    Connection, Tcb, Tcp, tcb_notify, tcb_touch,
)
from netos.proto.tcp_emit cimport Bare, send_bare, set_timer
from netos.proto.tcp_output cimport tcp_acknowledge, tcp_bare_place
from netos.proto.tcp_segment cimport Segment
from netos.proto.tcp_state cimport STEP_RECEIVE_FIN, tcb_move
from netos.proto.tcp_table cimport tcb_end
from netos.proto.tcp_time_wait cimport time_wait_enter

cdef enum:
    PRUNE_LOOKS = 64            # buckets of the table


cdef void note_duplicate(Tcb *tcb, uint32_t first, uint32_t end) noexcept nogil:
    """Something came twice: say so in the next ACK (RFC 2883), which goes at once."""
    tcb.tcp.counts[COUNT_DUPLICATES] += 1
    tcb.bits |= TCB_ACK_NOW
    if tcb.bits & TCB_SACK:
        tcb.bits |= TCB_DSACK
        tcb.duplicate.first, tcb.duplicate.end = first, end


cdef bint data_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Take payload that lies within the window; 0 when nobody can take it and the connection was reset."""
    cdef uint32_t offset = segment.sequence - tcb.rcv_nxt, length = segment.length, end
    if tcb.connection.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
        return 1                            # after the peer's FIN: it cannot be
    if tcb.bits & (TCB_ORPHAN | TCB_READ_CLOSED):
        abandon(tcb)
        return 0
    if not room(tcb, offset, length):
        tcb.tcp.counts[COUNT_NO_MEMORY] += 1
        if offset:
            return 1                        # as if it had been lost
        tcb.bits |= TCB_NO_ROOM | TCB_ACK_NOW
        if not ring_room(&tcb.receive, RING_LEAST, held(tcb)):
            return 1
        length = min(length, tcb.receive.size - tcb.receive.used)
        if length == 0:
            return 1
    if offset:
        out_of_order(tcb, segment, offset)
        return 1
    ring_copy_in(&tcb.receive, tcb.receive.used, segment.payload, length)
    end = segment.sequence + length
    if tcb.received.count:
        tcb.bits |= TCB_ACK_NOW             # a gap is filled, or a part of it
        if not sequence_before(end, tcb.received.items[0].first):
            if sequence_before(tcb.received.items[0].first, end):
                note_duplicate(tcb, tcb.received.items[0].first,
                               end if sequence_before(end, tcb.received.items[0].end) else tcb.received.items[0].end)
            ranges_add(&tcb.received, segment.sequence, end)
            end = tcb.received.items[0].end
            ranges_forget(&tcb.received, end)
    advance(tcb, end - tcb.rcv_nxt, segment.count)
    return 1


cdef uint32_t held(const Tcb *tcb) noexcept nogil:
    """Bytes of the ring that mean something, up to the last that came out of order."""
    if tcb.received.count == 0:
        return tcb.receive.used
    return tcb.receive.used + (tcb.received.items[tcb.received.count - 1].end - tcb.rcv_nxt)


cdef bint room(Tcb *tcb, uint32_t offset, uint32_t length) noexcept nogil:
    """Have the ring hold `length` bytes, `offset` behind those in order; 0 when there is no memory.

    What comes out of order may take half of the memory of all connections: who leaves a gap open holds it for nothing.
    """
    cdef uint32_t wanted = tcb.receive.used + offset + length
    cdef const RingPool *pool = tcb.receive.pool
    if offset and wanted > max(tcb.receive.size, <uint32_t>RING_LEAST) and pool.taken + wanted > pool.limit // 2:
        prune(tcb)
        if pool.taken + wanted > pool.limit // 2:
            return 0
    return ring_room(&tcb.receive, wanted, held(tcb))


cdef void prune(const Tcb *tcb) noexcept nogil:
    """Have one other connection, the next in the table, forget what came out of order; its peer still has it.

    The sender must keep what was only told by SACK (RFC 2018 section 8). Those that leave gaps on purpose are met the
    more often the more there are.
    """
    cdef Tcp *tcp = tcb.tcp
    cdef Connection *connection
    cdef Tcb *other
    for _ in range(PRUNE_LOOKS):
        tcp.pruned_at = (tcp.pruned_at + 1) & tcp.table_mask
        connection = tcp.table[tcp.pruned_at]
        while connection != NULL:
            other = <Tcb *>connection
            if connection.kind == KIND_BLOCK and other != tcb and other.received.count:
                ranges_forget(&other.received, other.received.items[other.received.count - 1].end)
                ring_shrink(&other.receive, other.receive.used)
                tcp.counts[COUNT_PRUNED] += 1
                return
            connection = connection.next


cdef void out_of_order(Tcb *tcb, const Segment *segment, uint32_t offset) noexcept nogil:
    """Put it down where it belongs, and tell the sender at once, for every segment (RFC 5681 section 4.2)."""
    cdef uint32_t before = tcb.received.total
    tcb.tcp.counts[COUNT_OUT_OF_ORDER] += 1
    if ranges_add(&tcb.received, segment.sequence, segment.sequence + segment.length):
        ring_copy_in(&tcb.receive, tcb.receive.used + offset, segment.payload, segment.length)
        if tcb.received.total == before:
            note_duplicate(tcb, segment.sequence, segment.sequence + segment.length)
        tcb.recent[3], tcb.recent[2], tcb.recent[1] = tcb.recent[2], tcb.recent[1], tcb.recent[0]
        tcb.recent[0] = segment.sequence
    tcp_acknowledge(tcb)


cdef void advance(Tcb *tcb, uint32_t length, uint32_t segments) noexcept nogil:
    """Bytes are in order: the user can have them; every second segment is acknowledged at once, others soon."""
    tcb.receive.used += length
    tcb.rcv_nxt += length
    tcb.bytes_in += length
    tcb_notify(tcb, EVENT_READABLE)
    if segments > 1 or tcb.bits & TCB_ACK_DELAYED:
        tcb.bits |= TCB_ACK_NOW
    elif not tcb.deadline[TIMER_DELAYED_ACK]:
        tcb.bits |= TCB_ACK_DELAYED
        set_timer(tcb, TIMER_DELAYED_ACK, tcb.tcp.host.now + tcb.tcp.delayed_ack)
    tcb_touch(tcb)


cdef void urgent_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Urgent data is in line; its end is told, also while the window is closed (RFC 9293 sections 3.8.5, 3.10.7.4)."""
    cdef uint32_t end = segment.sequence + segment.urgent, unread = tcb.rcv_nxt - tcb.receive.used
    if tcb.connection.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2) or not sequence_before(unread, end):
        return
    if not tcb.bits & TCB_URGENT_IN or sequence_before(tcb.rcv_up, end):
        tcb.rcv_up = end
        tcb.bits |= TCB_URGENT_IN
        tcb_notify(tcb, EVENT_URGENT)


cdef void fin_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """A FIN, or what was missing before one: the peer will send no more, once all before its FIN has come."""
    if segment.flags & TCP_FIN:
        tcb.bits |= TCB_FIN_AHEAD
        tcb.rcv_fin = segment.sequence + segment.length
        if segment.length == 0:
            tcb.bits |= TCB_ACK_NOW         # else its data were acknowledged, one ACK for one segment
    if tcb.bits & TCB_FIN_RECEIVED or sequence_before(tcb.rcv_fin, tcb.rcv_nxt):
        tcb.bits &= ~<uint32_t>TCB_FIN_AHEAD        # it came again, or the peer went on behind it
        return
    if tcb.rcv_fin != tcb.rcv_nxt:
        return
    tcb.bits &= ~<uint32_t>TCB_FIN_AHEAD
    tcb.bits |= TCB_FIN_RECEIVED | TCB_ACK_NOW
    tcb.rcv_nxt += 1
    tcb_move(tcb, STEP_RECEIVE_FIN)
    tcb_notify(tcb, EVENT_FINISHED)
    if tcb.connection.state == TIME_WAIT:
        tcp_acknowledge(tcb)
        time_wait_enter(tcb)


cdef void abandon(Tcb *tcb) noexcept nogil:
    """Data for a user who has closed: a RST, so that the peer knows it was lost (RFC 2525 section 2.17)."""
    cdef Bare bare
    bare.sequence, bare.acknowledgment, bare.flags = tcp_bare_place(tcb), tcb.rcv_nxt, TCP_RST | TCP_ACK
    bare.window = bare.options_length = 0
    send_bare(tcb.tcp, &tcb.connection, &bare)
    tcb_end(tcb, EPIPE)
