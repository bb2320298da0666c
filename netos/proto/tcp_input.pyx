"""Segments as they come: RFC 9293 section 3.10.7, with RFC 5961 against forgers and RFC 7323 against the past.

One acknowledgment goes out for all that a batch brought: segments only note what is due, tcp_flush sends it.
"""

from libc.errno cimport ECONNREFUSED, ECONNRESET, EPIPE
from libc.stdint cimport int32_t, int64_t, uint32_t

from netos.proto.host cimport host_learn_mtu
from netos.proto.inet cimport Address
from netos.proto.tcp cimport (
    TCP_ACK, TCP_AT_SEQUENCE, TCP_CWR, TCP_FIN, TCP_RST, TCP_SYN, TCP_URG, sequence_before, sequence_before_or_at,
)
from netos.proto.tcp_ack cimport ack_input, recovery_end
from netos.proto.tcp_block cimport (
    CLOSE_WAIT, CLOSED, COUNT_ATTEMPT_FAILS, COUNT_ESTABLISHED_RESETS, COUNT_ICMP_IGNORED, COUNT_IN_SEGMENTS,
    COUNT_NO_LISTENER, COUNT_OUT_OF_WINDOW, COUNT_PATH_MTU, COUNT_PAWS, ESTABLISHED, EVENT_CONNECTED, EVENT_WRITABLE,
    KIND_BLOCK, KIND_HALF_OPEN, SYN_RECEIVED, SYN_SENT, TCB_ACK_NOW, TCB_ECE_PENDING, TCB_ECN, TCB_FIN_AHEAD,
    TCB_FIN_WANTED, TCB_RTT_TIMED, TCB_TIMESTAMPS, TCB_TOUCHED, TIMER_DELAYED_ACK, TIME_WAIT, Connection, HalfOpen,
    Listener, Tcb, Tcp, TimeWait, tcb_notify, tcb_touch, tcb_window,
)
from netos.proto.tcp_data cimport data_input, fin_input, note_duplicate, urgent_input
from netos.proto.tcp_emit cimport send_syn
from netos.proto.tcp_establish cimport Offer, offer_read, tcb_agree, tcb_established
from netos.proto.tcp_output cimport tcp_acknowledge, tcp_challenge, tcp_output
from netos.proto.tcp_passive cimport cookie_input, half_open_input, listener_input, send_reset
from netos.proto.tcp_segment cimport Segment, segment_span
from netos.proto.tcp_state cimport (
    STEP_ABORT, STEP_CLOSE, STEP_FIN_ACKNOWLEDGED, STEP_RECEIVE_SYN, STEP_RECEIVE_SYN_ACK, STEP_SYN_ACKNOWLEDGED,
    tcb_move,
)
from netos.proto.tcp_table cimport tcb_end, tcp_bury, tcp_find, tcp_find_listener
from netos.proto.tcp_time_wait cimport time_wait_enter, time_wait_input
from netos.proto.tcp_timers cimport rtt_measured, tcb_stay_or_leave
from netos.wire cimport load_be32

cdef enum:
    PATH_MTU_LEAST = 552                # below, an ICMP message is taken for an attack (RFC 5927 section 7.2)

cdef int64_t PAWS_LIMIT = <int64_t>24 * 24 * 3600 * 1000000000      # RFC 7323 section 5.5


cdef void tcp_input(Tcp *tcp, const Address *local, const Address *remote, const Segment *segment) noexcept nogil:
    """A segment whose checksum is right, from `remote` to the host's own address `local`."""
    cdef Connection *found = tcp_find(tcp, local, segment.destination_port, remote, segment.source_port)
    cdef Tcb *tcb
    tcp.counts[COUNT_IN_SEGMENTS] += 1
    if found != NULL and found.kind == KIND_BLOCK:
        block_input(<Tcb *>found, segment)
    elif found != NULL and found.kind == KIND_HALF_OPEN:
        tcb = half_open_input(tcp, <HalfOpen *>found, segment)
        if tcb != NULL:
            block_input(tcb, segment)
    elif found != NULL:
        time_wait_input(tcp, <TimeWait *>found, segment)
    else:
        unknown_input(tcp, local, remote, segment)


cdef void unknown_input(Tcp *tcp, const Address *local, const Address *remote, const Segment *segment) noexcept nogil:
    """A segment for no connection: RFC 9293 sections 3.10.7.1 and 3.10.7.2."""
    cdef Connection connection
    cdef Listener *listener = tcp_find_listener(tcp, local, segment.destination_port)
    cdef Tcb *tcb
    connection.local, connection.local_port = local[0], segment.destination_port
    connection.remote, connection.remote_port = remote[0], segment.source_port
    connection.next = NULL
    if listener == NULL:
        tcp.counts[COUNT_NO_LISTENER] += 1
        send_reset(tcp, &connection, segment)
    elif segment.flags & TCP_RST:
        return
    elif segment.flags & TCP_ACK:
        if segment.flags & TCP_SYN:
            send_reset(tcp, &connection, segment)
            return
        tcb = cookie_input(tcp, listener, &connection, segment)
        if tcb != NULL:
            block_input(tcb, segment)
    elif segment.flags & TCP_SYN and not segment.flags & TCP_FIN and segment.source_port:
        listener_input(tcp, listener, &connection, segment, NULL)


cdef void block_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """A segment for a connection: RFC 9293 section 3.10.7.3 or 3.10.7.4."""
    cdef Segment cut = segment[0]
    if tcb.connection.state == SYN_SENT:
        syn_sent_input(tcb, segment)
        return
    if not past_checks(tcb, &cut):
        return
    if cut.flags & TCP_RST:
        if segment.sequence == tcb.rcv_nxt:
            reset_by_peer(tcb)
        else:
            tcp_challenge(tcb)                              # RFC 5961 section 3.2
        return
    if cut.flags & TCP_SYN:
        tcp_challenge(tcb)                                  # RFC 5961 section 4.2
        return
    if not cut.flags & TCP_ACK:
        return
    tcb.heard_at = tcb.tcp.host.now
    if not ack_is_good(tcb, &cut):
        return
    if cut.payload != segment.payload:
        note_duplicate(tcb, segment.sequence, cut.sequence)
    elif cut.length != segment.length:
        tcb.bits |= TCB_ACK_NOW
    take_timestamp(tcb, segment)
    if segment.flags & TCP_URG:
        urgent_input(tcb, segment)
    if ack_input(tcb, &cut):
        tcb_move(tcb, STEP_FIN_ACKNOWLEDGED)
        if tcb.connection.state == TIME_WAIT:
            if tcb.bits & TCB_ACK_NOW:
                tcp_acknowledge(tcb)
            time_wait_enter(tcb)
            return
        if tcb.connection.state == CLOSED:                  # from LAST-ACK
            tcb_end(tcb, 0)
            return
        tcb_stay_or_leave(tcb)
    if tcb.bits & TCB_ECN:
        if cut.flags & TCP_CWR:
            tcb.bits &= ~<uint32_t>TCB_ECE_PENDING
        if cut.congested and cut.length:
            tcb.bits |= TCB_ECE_PENDING | TCB_ACK_NOW
    if cut.length and not data_input(tcb, &cut):
        return                                              # data that nobody can take any more: reset
    if cut.flags & TCP_FIN or tcb.bits & TCB_FIN_AHEAD:
        fin_input(tcb, &cut)
    if tcb.bits & TCB_ACK_NOW or tcb.deadline[TIMER_DELAYED_ACK]:
        tcb_touch(tcb)


cdef bint past_checks(Tcb *tcb, Segment *segment) noexcept nogil:
    """PAWS, then the window; what lies outside of it is cut off. 0: the segment is to be dropped, and was answered."""
    cdef uint32_t window = tcb_window(tcb), old
    if tcb.bits & TCB_TIMESTAMPS and segment.timestamps and not segment.flags & TCP_RST:
        if sequence_before(segment.ts_value, tcb.ts_recent) and not outdated(tcb):
            tcb.tcp.counts[COUNT_PAWS] += 1
            out_of_window(tcb, segment)
            return 0
    if <int32_t>window < 0:
        window = 0
    if sequence_before(segment.sequence, tcb.rcv_nxt):
        old = tcb.rcv_nxt - segment.sequence
        if segment.flags & TCP_SYN and not segment.flags & TCP_RST:
            tcp_challenge(tcb)
            return 0
        if old > segment.length or old == segment.length and not segment.flags & TCP_FIN:
            if not is_late_news(tcb, segment, old):
                out_of_window(tcb, segment)
                return 0
            if segment_span(segment):
                out_of_window(tcb, segment)
            segment.sequence, segment.length = tcb.rcv_nxt, 0
            segment.flags &= ~TCP_FIN
            return 1
        segment.sequence = tcb.rcv_nxt
        segment.payload += old
        segment.length -= old
    elif segment.sequence - tcb.rcv_nxt > window:           # at its very edge, an ACK without data still counts
        out_of_window(tcb, segment)
        return 0
    cut_to_window(tcb, segment, window)                     # a full window still hears ACK and RST
    return 1


cdef void cut_to_window(Tcb *tcb, Segment *segment, uint32_t window) noexcept nogil:
    """Take away what lies behind the window, of a segment that does not begin behind it."""
    if segment.sequence + segment.length - tcb.rcv_nxt > window:
        segment.length = window - (segment.sequence - tcb.rcv_nxt)
        segment.flags &= ~TCP_FIN


cdef bint is_late_news(const Tcb *tcb, const Segment *segment, uint32_t old) noexcept nogil:
    """Whether a segment that brings nothing new, but is not older than a window, acknowledges something new.

    It has to be heard: where both windows are closed, each end may have taken the other's probe, and number its own
    acknowledgments from before its own probe.
    """
    return (segment.flags & TCP_ACK != 0 and not segment.flags & (TCP_SYN | TCP_RST) and old <= tcb.receive_limit
            and tcb.connection.state >= ESTABLISHED and sequence_before(tcb.snd_una, segment.acknowledgment)
            and sequence_before_or_at(segment.acknowledgment, tcb.snd_max))


cdef void out_of_window(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Answer with what we expect, unless it is a RST; at once to data, or the peer would wait, else not too often."""
    cdef uint32_t end
    tcb.tcp.counts[COUNT_OUT_OF_WINDOW] += 1
    if segment.flags & TCP_RST:
        return
    if segment.length and sequence_before(segment.sequence, tcb.rcv_nxt):
        end = segment.sequence + segment.length         # what PAWS has refused was not received: not a part of it
        note_duplicate(tcb, segment.sequence, end if sequence_before(end, tcb.rcv_nxt) else tcb.rcv_nxt)
    if segment_span(segment):
        tcb.bits |= TCB_ACK_NOW
        tcb_touch(tcb)
    else:
        tcp_challenge(tcb)


cdef bint ack_is_good(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Whether the acknowledgment is of what was sent, and not too old; in SYN-RECEIVED, it completes the opening."""
    cdef uint32_t ack = segment.acknowledgment
    if tcb.connection.state == SYN_RECEIVED:
        if ack != tcb.iss + 1:
            send_reset(tcb.tcp, &tcb.connection, segment)
            return 0
        tcb_move(tcb, STEP_SYN_ACKNOWLEDGED)
        opened(tcb, segment)
    if sequence_before(tcb.snd_max, ack) or sequence_before(ack, tcb.snd_una - max(tcb.max_snd_wnd, <uint32_t>1)):
        tcp_challenge(tcb)                                  # RFC 5961 section 5.2
        return 0
    return 1


cdef void opened(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Both SYNs are acknowledged: the first window, and the user's turn."""
    tcb_established(tcb)
    tcb.snd_wnd = tcb.max_snd_wnd = <uint32_t>segment.window << (0 if segment.flags & TCP_SYN else tcb.snd_scale)
    tcb.snd_wl1, tcb.snd_wl2 = segment.sequence, segment.acknowledgment
    if tcb.bits & TCB_FIN_WANTED:
        tcb_move(tcb, STEP_CLOSE)                           # the user has closed meanwhile
    tcb_notify(tcb, EVENT_CONNECTED | EVENT_WRITABLE)
    tcb_touch(tcb)


cdef bint outdated(const Tcb *tcb) noexcept nogil:
    """Whether the peer's last timestamp is so old that newer ones may look older (RFC 7323 section 5.5)."""
    return tcb.tcp.host.now - tcb.ts_recent_at >= PAWS_LIMIT


cdef void take_timestamp(Tcb *tcb, const Segment *segment) noexcept nogil:
    """RFC 7323 section 4.3: of the segment that reaches over what was acknowledged last."""
    if (tcb.bits & TCB_TIMESTAMPS and segment.timestamps and sequence_before_or_at(segment.sequence, tcb.last_ack)
            and (outdated(tcb) or not sequence_before(segment.ts_value, tcb.ts_recent))):
        tcb.ts_recent = segment.ts_value
        tcb.ts_recent_at = tcb.tcp.host.now


cdef void syn_sent_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """RFC 9293 section 3.10.7.3."""
    cdef Offer offer
    cdef Segment text = segment[0]
    cdef bint good = segment.flags & TCP_ACK and segment.acknowledgment == tcb.iss + 1
    if segment.flags & TCP_ACK and not good:
        send_reset(tcb.tcp, &tcb.connection, segment)
        return
    if segment.flags & TCP_RST:
        if good:
            tcb.tcp.counts[COUNT_ATTEMPT_FAILS] += 1
            tcb_end(tcb, ECONNREFUSED)
        return
    if not segment.flags & TCP_SYN:
        return
    offer_read(tcb.tcp, &offer, segment)
    # A SYN without the offer may be what is answered; nor is it in our SYN,ACK (RFC 3168 section 6.1.1)
    offer.ecn = offer.ecn and tcb.tcp.ecn and tcb.backoff < 2 and good
    tcb_agree(tcb, &offer)
    tcb.rcv_adv = tcb.rcv_nxt + min(tcb.receive_limit, <uint32_t>0xFFFF)
    tcb.heard_at = tcb.tcp.host.now
    if not good:                                            # both ends open at once
        tcb_move(tcb, STEP_RECEIVE_SYN)
        send_syn(tcb)
        return
    if tcb.backoff == 0:
        rtt_measured(tcb, tcb.tcp.host.now - tcb.sent_at)
    tcb_move(tcb, STEP_RECEIVE_SYN_ACK)
    opened(tcb, segment)
    tcb.bits |= TCB_ACK_NOW
    text.sequence += 1                                      # data begins behind the SYN
    cut_to_window(tcb, &text, tcb_window(tcb))
    if text.length and not data_input(tcb, &text):
        return
    if text.flags & TCP_FIN:
        fin_input(tcb, &text)


cdef void reset_by_peer(Tcb *tcb) noexcept nogil:
    """RFC 9293 section 3.10.7.4; who has said that nothing more comes takes nothing any more: EPIPE, as on Linux."""
    cdef bint refused = tcb.connection.state == SYN_RECEIVED
    cdef bint half_closed = tcb.connection.state == CLOSE_WAIT
    tcb.tcp.counts[COUNT_ATTEMPT_FAILS if refused else COUNT_ESTABLISHED_RESETS] += 1
    tcb_move(tcb, STEP_ABORT)
    tcb_end(tcb, ECONNREFUSED if refused else EPIPE if half_closed else ECONNRESET)


cdef void tcp_error(Tcp *tcp, const Address *local, const Address *remote, const unsigned char *quoted, int32_t error,
                    uint32_t mtu) noexcept nogil:
    """An ICMP error about a segment that we sent; eight bytes of it are quoted (RFC 5461, RFC 5927, RFC 1191).

    `mtu` is that of a fragmentation-needed message, else 0. What is not about data on its way is ignored.
    """
    cdef Connection *found = tcp_find(tcp, local, <uint32_t>quoted[0] << 8 | quoted[1], remote,
                                      <uint32_t>quoted[2] << 8 | quoted[3])
    cdef uint32_t sequence = load_be32(quoted + TCP_AT_SEQUENCE)
    cdef Tcb *tcb
    if found == NULL or found.kind != KIND_BLOCK:
        tcp.counts[COUNT_ICMP_IGNORED] += 1
        return
    tcb = <Tcb *>found
    if sequence_before(sequence, tcb.snd_una) or not sequence_before(sequence, tcb.snd_max):
        tcp.counts[COUNT_ICMP_IGNORED] += 1
        return
    if mtu:
        if tcb.connection.state < ESTABLISHED or mtu < PATH_MTU_LEAST or mtu >= tcb.mss + 40:
            tcp.counts[COUNT_ICMP_IGNORED] += 1
            return
        tcp.counts[COUNT_PATH_MTU] += 1
        tcb.path_mtu, tcb.path_mtu_at = mtu, tcp.host.now
        host_learn_mtu(tcp.host, remote, mtu)               # others go there, too
        recovery_end(tcb)
        tcb.bits &= ~<uint32_t>TCB_RTT_TIMED
        tcb.snd_nxt = tcb.snd_una                           # what was too large is lost, but not by congestion
        tcb_touch(tcb)
    elif tcb.connection.state == SYN_SENT and error == ECONNREFUSED:
        tcp.counts[COUNT_ATTEMPT_FAILS] += 1
        tcb_end(tcb, error)
    else:
        tcb.soft_error = error                              # MUST-56: told only if the connection fails


cdef void tcp_flush(Tcp *tcp) noexcept nogil:
    """Send what the segments since the last time, timers and users have made due; free what is over."""
    cdef Tcb *todo = tcp.touched
    cdef Tcb *tcb
    tcp.touched = NULL
    while todo != NULL:
        tcb = todo
        todo = tcb.next_touched
        tcb.bits &= ~<uint32_t>TCB_TOUCHED
        tcp_output(tcb)
    tcp_bury(tcp)
