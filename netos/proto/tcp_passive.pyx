"""Passive opens: half-open connections of a listener, bounded, SYN cookies beyond (RFC 9293 3.10.7.2, RFC 4987)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from netos.proto.deadlines cimport Deadline, deadline_clear, deadline_init, deadline_set
from netos.proto.slab cimport slab_give, slab_take
from netos.proto.tcp cimport TCP_ACK, TCP_ECE, TCP_RST, TCP_SYN, sequence_before
from netos.proto.tcp_block cimport (
    COUNT_ATTEMPT_FAILS, COUNT_BACKLOG_FULL, COUNT_COOKIES_REFUSED, COUNT_COOKIES_SENT, COUNT_COOKIES_TAKEN,
    COUNT_PASSIVE_OPENS, COUNT_RETRANSMITTED, COUNT_TIMEOUTS, ESTABLISHED, KIND_HALF_OPEN, SYN_RECEIVED, TCB_PASSIVE,
    Connection, HalfOpen, Listener, Tcb, Tcp, tcp_clock,
)
from netos.proto.tcp_cookie cimport cookie_make, cookie_may_be, cookie_read, cookie_read_timestamp, cookie_timestamp
from netos.proto.tcp_emit cimport Bare, put_syn_options, send_bare
from netos.proto.tcp_establish cimport Offer, offer_read, own_mss, own_scale, tcb_agree, tcb_established
from netos.proto.tcp_segment cimport Segment, segment_span
from netos.proto.tcp_table cimport initial_sequence, tcp_insert, tcp_remove, timestamp_offset
from netos.proto.tcp_timers cimport rtt_measured, tcb_new

cdef enum:
    SYN_ACK_RETRANSMITS = 5
    SEQUENCE_GAP = 65536        # between the numbers of two connections, one in the place of the other

cdef int64_t SECOND = 1000000000
cdef int64_t ANSWER_INTERVAL = 100000000


cdef void send_reset(Tcp *tcp, const Connection *connection, const Segment *segment) noexcept nogil:
    """Answer a segment that belongs to nothing (RFC 9293 section 3.10.7.1); never one that is a RST itself."""
    cdef Bare bare
    if segment.flags & TCP_RST:
        return
    bare.options_length = bare.window = 0
    if segment.flags & TCP_ACK:
        bare.sequence, bare.acknowledgment, bare.flags = segment.acknowledgment, 0, TCP_RST
    else:
        bare.sequence, bare.flags = 0, TCP_RST | TCP_ACK
        bare.acknowledgment = segment.sequence + segment_span(segment)
    send_bare(tcp, connection, &bare)


cdef void send_syn_ack(Tcp *tcp, const Connection *connection, const Offer *offer, uint32_t iss, uint32_t receive_limit,
                       uint32_t ts_value) noexcept nogil:
    cdef Bare bare
    bare.sequence = iss
    bare.acknowledgment = offer.irs + 1
    bare.flags = TCP_SYN | TCP_ACK | (TCP_ECE if offer.ecn else 0)
    bare.window = min(receive_limit, <uint32_t>0xFFFF)
    bare.options_length = put_syn_options(
        bare.options, <uint16_t>own_mss(tcp, connection), own_scale(receive_limit) if offer.window_scale >= 0 else -1,
        offer.sack, offer.timestamps, ts_value, offer.ts_value)
    send_bare(tcp, connection, &bare)


cdef void offer_of(const HalfOpen *half, Offer *offer) noexcept nogil:
    offer.irs = half.irs
    offer.mss = half.mss
    offer.window_scale = half.window_scale
    offer.sack = half.sack
    offer.timestamps = half.timestamps
    offer.ecn = half.ecn
    offer.ts_value = half.ts_recent


cdef void answer(Tcp *tcp, HalfOpen *half) noexcept nogil:
    """Send the SYN,ACK."""
    cdef Offer offer
    offer_of(half, &offer)
    send_syn_ack(tcp, &half.connection, &offer, half.iss, half.listener.receive_limit,
                 tcp_clock(tcp) + half.ts_offset)
    half.sent_at = tcp.host.now


cdef void answer_again(Tcp *tcp, HalfOpen *half) noexcept nogil:
    """Send it to a peer who seems not to know of it, not too often; the timer goes on, or who asks on would hold it."""
    if tcp.host.now - half.sent_at >= ANSWER_INTERVAL:
        half.retransmits = max(half.retransmits, 1)         # from now on, nobody can tell which one is acknowledged
        answer(tcp, half)


cdef void wait_on(Tcp *tcp, HalfOpen *half) noexcept nogil:
    """Wait for the answer to the SYN,ACK, twice as long as the last time."""
    deadline_set(&tcp.host.deadlines, &half.timer, tcp.host.now + (SECOND << half.retransmits))


cdef void half_open_expire(Deadline *deadline) noexcept nogil:
    cdef HalfOpen *half = <HalfOpen *>deadline.object
    cdef Tcp *tcp = half.tcp
    if half.retransmits >= SYN_ACK_RETRANSMITS:
        tcp.counts[COUNT_ATTEMPT_FAILS] += 1
        half_open_end(tcp, half)
        return
    half.retransmits += 1
    tcp.counts[COUNT_TIMEOUTS] += 1
    tcp.counts[COUNT_RETRANSMITTED] += 1
    answer(tcp, half)
    wait_on(tcp, half)


cdef void half_open_end(Tcp *tcp, HalfOpen *half) noexcept nogil:
    """Forget it."""
    tcp_remove(tcp, &half.connection)
    deadline_clear(&tcp.host.deadlines, &half.timer)
    half.listener.half_open -= 1
    slab_give(&tcp.half_opens, half)


cdef void listener_input(Tcp *tcp, Listener *listener, Connection *connection, const Segment *segment,
                         const uint32_t *left_off) noexcept nogil:
    """A SYN for a listener (others than SYNs are answered by the caller): remember it, or send a cookie instead.

    `left_off`: the sequence number with which we ended the last connection between these ends; NULL: not known.
    """
    cdef HalfOpen *half
    cdef Offer offer
    cdef uint32_t cookie
    offer_read(tcp, &offer, segment)
    if listener.waiting_count >= listener.backlog:
        tcp.counts[COUNT_BACKLOG_FULL] += 1         # the peer tries again
        return
    half = NULL
    if not tcp.always_cookies and listener.half_open < listener.backlog:
        half = <HalfOpen *>slab_take(&tcp.half_opens)
    if half == NULL:
        cookie = cookie_make(tcp, connection, &offer)
        tcp.counts[COUNT_COOKIES_SENT] += 1
        tcp.cookies_at = tcp.host.now
        send_syn_ack(tcp, connection, &offer, cookie, listener.receive_limit,
                     cookie_timestamp(tcp, &offer, timestamp_offset(tcp, connection)))
        return
    half.connection = connection[0]
    half.connection.kind = KIND_HALF_OPEN
    half.connection.state = SYN_RECEIVED
    half.tcp = tcp
    half.listener = listener
    half.irs, half.mss, half.window_scale = offer.irs, offer.mss, offer.window_scale
    half.sack, half.timestamps, half.ecn, half.ts_recent = offer.sack, offer.timestamps, offer.ecn, offer.ts_value
    half.iss = initial_sequence(tcp, connection)
    if left_off != NULL and not sequence_before(left_off[0], half.iss):
        half.iss = left_off[0] + SEQUENCE_GAP
    half.ts_offset = timestamp_offset(tcp, connection)
    deadline_init(&half.timer, half_open_expire, half)
    listener.half_open += 1
    tcp_insert(tcp, &half.connection)
    answer(tcp, half)
    wait_on(tcp, half)


cdef Tcb *half_open_input(Tcp *tcp, HalfOpen *half, const Segment *segment) noexcept nogil:
    """A segment for a half-open connection; when it completes it, the connection, which then takes the segment."""
    cdef Tcb *tcb
    cdef Offer offer
    cdef uint32_t window = min(half.listener.receive_limit, <uint32_t>0xFFFF)
    if segment.flags & TCP_RST:
        if segment.sequence == half.irs + 1:                # RFC 5961 section 3; anything else is a guess
            tcp.counts[COUNT_ATTEMPT_FAILS] += 1
            half_open_end(tcp, half)
        return NULL
    if segment.flags & TCP_SYN and not segment.flags & TCP_ACK:
        answer_again(tcp, half)         # it was lost; or the peer begins anew, and resets this (RFC 5961 4)
        return NULL
    if segment.flags & TCP_SYN or not segment.flags & TCP_ACK:
        return NULL
    if segment.acknowledgment != half.iss + 1:
        send_reset(tcp, &half.connection, segment)
        return NULL
    if segment.sequence - (half.irs + 1) > window:
        answer_again(tcp, half)
        return NULL
    if half.timestamps and segment.timestamps and sequence_before(segment.ts_value, half.ts_recent):
        return NULL
    offer_of(half, &offer)
    tcb = establish(tcp, half.listener, &half.connection, &offer, half.iss, half.ts_offset, half.retransmits)
    if tcb != NULL:
        tcb.snd_wl1 = segment.sequence - 1
        if half.retransmits == 0:
            rtt_measured(tcb, tcp.host.now - half.sent_at)
        half_open_end(tcp, half)
        tcp_insert(tcp, &tcb.connection)
    return tcb


cdef Tcb *cookie_input(Tcp *tcp, Listener *listener, Connection *connection, const Segment *segment) noexcept nogil:
    """An ACK for a listener: the connection, if it brings a cookie of ours back, else NULL, after a RST if need be."""
    cdef Offer offer
    cdef Tcb *tcb
    cdef uint32_t offset
    if (tcp.cookies_at == 0 or tcp.host.now - tcp.cookies_at > 2 * 64 * SECOND
            or not cookie_read(tcp, connection, segment.acknowledgment - 1, segment.sequence - 1, &offer)):
        if tcp.cookies_at:
            tcp.counts[COUNT_COOKIES_REFUSED] += 1
            if cookie_may_be(tcp, segment.acknowledgment - 1):
                return NULL     # it may have overtaken the first segment, by which the cookie is checked
        send_reset(tcp, connection, segment)
        return NULL
    offset = timestamp_offset(tcp, connection)
    if segment.timestamps:
        cookie_read_timestamp(segment.ts_echo, offset, &offer)
        offer.ts_value = segment.ts_value
    tcb = establish(tcp, listener, connection, &offer, segment.acknowledgment - 1, offset, 0)
    if tcb != NULL:
        tcb.snd_wl1 = segment.sequence - 1
        tcp.counts[COUNT_COOKIES_TAKEN] += 1
        tcp_insert(tcp, &tcb.connection)
    return tcb


cdef Tcb *establish(Tcp *tcp, Listener *listener, const Connection *connection, const Offer *offer, uint32_t iss,
                    uint32_t ts_offset, uint8_t retransmits) noexcept nogil:
    """Make the connection and put it into the listener's queue; NULL when that, or memory, is full."""
    cdef Tcb *tcb
    if listener.waiting_count >= listener.backlog:
        tcp.counts[COUNT_BACKLOG_FULL] += 1
        return NULL
    tcb = tcb_new(tcp)
    if tcb == NULL:
        return NULL
    tcp.counts[COUNT_PASSIVE_OPENS] += 1
    tcb.connection.local, tcb.connection.local_port = connection.local, connection.local_port
    tcb.connection.remote, tcb.connection.remote_port = connection.remote, connection.remote_port
    tcb.connection.state = ESTABLISHED
    tcb.bits |= TCB_PASSIVE
    tcb.receive_limit, tcb.send_limit = listener.receive_limit, listener.send_limit
    tcb.iss = iss
    tcb.ts_offset = ts_offset
    tcb.backoff = retransmits
    tcb_agree(tcb, offer)
    tcb.rcv_adv = tcb.rcv_nxt + min(tcb.receive_limit, <uint32_t>0xFFFF)
    tcb_established(tcb)
    tcb.listener = listener
    if listener.waiting_first == NULL:
        listener.waiting_first = tcb
    else:
        listener.waiting_last.next_waiting = tcb
    listener.waiting_last = tcb
    listener.waiting_count += 1
    if not listener.eventful:
        listener.eventful = 1
        listener.next_eventful = tcp.eventful_listeners
        tcp.eventful_listeners = listener
    return tcb
