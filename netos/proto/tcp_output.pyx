"""What a connection sends, and when: data, retransmissions, FIN, acknowledgments (RFC 9293 section 3.8, RFC 6675).

The sender goes through one loop: choose the next range of the sequence space that may go, send it as one segment or,
where the link cuts it, as one super-segment of many; until windows, data or the link's room are used up.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from netos.proto.host cimport Path, host_find_path
from netos.proto.ranges cimport ranges_find
from netos.proto.tcp cimport TCP_ACK, TCP_FIN, TCP_PSH
from netos.proto.tcp_block cimport (
    COUNT_CHALLENGE_ACKS, COUNT_RETRANSMITTED, ESTABLISHED, SYN_SENT, TAIL_DUE, TAIL_NONE, TCB_ACK_NOW, TCB_CORKED,
    TCB_FIN_SENT, TCB_FIN_WANTED, TCB_FORCED, TCB_NO_DELAY, TCB_RECOVERY, TCB_RESCUED, TCB_RTT_TIMED, TCB_SACK,
    TCB_TOUCHED, TCB_URGENT_OUT, TIMER_DELAYED_ACK, TIMER_PERSIST, TIMER_RETRANSMIT, TIME_WAIT, Tcb, Tcp, tcb_flight,
    tcb_touch, tcb_unfinished,
)
from netos.proto.tcp_emit cimport options_length, send_segment, send_syn, set_timer
from netos.proto.tcp_path cimport path_follow
from netos.proto.tcp_tail cimport tail_schedule, tail_sent

cdef enum:
    SUPER_SEGMENT_MAX = 65535 - 60 - 60     # payload of what an IP packet can be
    LOSS_THRESHOLD = 3                      # DupThresh

cdef int64_t CHALLENGE_INTERVAL = 500000000
cdef int64_t AGAIN_AFTER = 5000000      # when there was no buffer


cdef struct Choice:             # what is sent next
    uint32_t at
    uint32_t length
    bint retransmission
    bint finish                 # with the FIN
    bint probe                  # of the window
    bint rescue                 # the one of RFC 6675 section 4, rule 4
    bint tail                   # a tail loss probe


cdef uint32_t segment_payload(const Tcb *tcb) noexcept nogil:
    """Bytes of payload in a full segment, with the options it would have now."""
    return tcb.mss - min(options_length(tcb), tcb.mss // 2)


cdef uint32_t data_end(const Tcb *tcb) noexcept nogil:
    """The sequence number after the last byte that waits; of the FIN, if there is one."""
    return tcb.snd_una + tcb.send.used


cdef uint32_t window_left(const Tcb *tcb) noexcept nogil:
    """What the peer's window takes from snd_nxt on; it may have shrunk (MUST-34)."""
    return <uint32_t>max(<int32_t>(tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt), 0)


# Loss, as the scoreboard shows it (RFC 6675 section 4)

cdef bint is_lost(const Tcb *tcb, uint32_t sequence) noexcept nogil:
    """IsLost: enough has arrived that was sent after it, or a tail loss probe, which is always late enough."""
    cdef uint32_t at = tcb.sacked.count, above = 0, ranges = 0
    if tcb.tail_lost and tcb.bits & TCB_RECOVERY and <int32_t>(tcb.tail_end - sequence) > 0:
        return 1
    while at and <int32_t>(tcb.sacked.items[at - 1].first - sequence) > 0:
        at -= 1
        ranges += 1
        above += tcb.sacked.items[at].end - tcb.sacked.items[at].first
        if ranges >= LOSS_THRESHOLD or above > (LOSS_THRESHOLD - 1) * tcb.mss:
            return 1
    return 0


cdef uint32_t pipe_of(const Tcb *tcb) noexcept nogil:
    """SetPipe: bytes that are thought to be on their way."""
    cdef uint32_t pipe = 0, at, first = tcb.snd_una, end
    if not tcb.bits & TCB_RECOVERY:         # nothing is taken for lost, or all that lies behind snd_nxt (timeout)
        pipe = tcb.snd_nxt - tcb.snd_una
        for at in range(tcb.sacked.count):
            if <int32_t>(tcb.sacked.items[at].first - tcb.snd_nxt) < 0:
                pipe -= min(tcb.sacked.items[at].end - tcb.sacked.items[at].first,
                            tcb.snd_nxt - tcb.sacked.items[at].first)
        return pipe
    for at in range(tcb.sacked.count + 1):
        end = tcb.sacked.items[at].first if at < tcb.sacked.count else tcb.snd_max
        if end != first:
            if not is_lost(tcb, first):
                pipe += end - first
            if tcb.bits & TCB_SACK and <int32_t>(tcb.high_rxt - first) > 0:     # else it is FlightSize (RFC 6582)
                pipe += min(end - first, tcb.high_rxt - first)
        if at < tcb.sacked.count:
            first = tcb.sacked.items[at].end
    return pipe


# What may go

cdef void take_data(const Tcb *tcb, uint32_t at, uint32_t length, bint retransmission, Choice *choice) noexcept nogil:
    """The range as a segment can carry it: bytes, and the FIN when the range reaches it."""
    cdef uint32_t bytes_left = data_end(tcb) - at
    choice.at = at
    choice.length = min(length, bytes_left)
    choice.finish = choice.length == bytes_left and tcb.bits & TCB_FIN_WANTED != 0
    choice.retransmission = retransmission
    choice.probe = choice.rescue = choice.tail = 0


cdef bint hole(const Tcb *tcb, uint32_t after, bint lost, uint32_t *at, uint32_t *length) noexcept nogil:
    """The first unsacked range from `after` on that has something sacked behind it; with `lost`, one that is lost."""
    cdef uint32_t number, first = tcb.snd_una, end
    for number in range(tcb.sacked.count):
        end = tcb.sacked.items[number].first
        if <int32_t>(after - first) > 0:
            first = after
        if <int32_t>(end - first) > 0 and (not lost or is_lost(tcb, first)):
            at[0], length[0] = first, end - first
            return 1
        first = tcb.sacked.items[number].end
    return 0


cdef bint choose_new(Tcb *tcb, uint32_t allowed, uint32_t full, Choice *choice) noexcept nogil:
    """New data, and the FIN behind it, as windows, Nagle and silly windows let it (RFC 9293 3.7.4, 3.8.6.2.1)."""
    cdef uint32_t waiting = data_end(tcb) - tcb.snd_nxt
    cdef uint32_t window = window_left(tcb)
    cdef uint32_t length, tail
    if tcb.bits & TCB_FIN_SENT:
        return 0                # nothing comes after it
    length = min(waiting, min(window, allowed))
    tail = length % full
    if length == waiting:
        if not tcb.bits & TCB_FIN_WANTED and tail and not may_be_small(tcb, length > tail):
            length -= tail
        elif length == 0 and not tcb.bits & TCB_FIN_WANTED:
            return 0
        if length == 0 and waiting:
            return 0
    else:
        if length >= full:
            length -= tail
        elif length < tcb.max_snd_wnd // 2 or length == allowed:
            return 0
        if length == 0:
            return 0
    take_data(tcb, tcb.snd_nxt, length, 0, choice)
    return 1


cdef bint may_be_small(const Tcb *tcb, bint behind_others) noexcept nogil:
    """Nagle's algorithm: less than a segment may go while nothing is on its way."""
    if tcb.bits & TCB_CORKED:
        return 0
    return tcb.bits & TCB_NO_DELAY != 0 or (tcb_flight(tcb) == 0 and not behind_others)


cdef bint choose_in_recovery(Tcb *tcb, uint32_t allowed, uint32_t full, Choice *choice) noexcept nogil:
    """Fast retransmit, then NextSeg of RFC 6675 section 4; without SACK, new data while duplicates come (RFC 6582)."""
    cdef uint32_t at, length
    if tcb.high_rxt == tcb.snd_una:             # whatever the windows say
        length = (tcb.sacked.items[0].first if tcb.sacked.count else tcb.snd_max) - tcb.snd_una
        take_data(tcb, tcb.snd_una, min(length, full), 1, choice)
        return 1
    if not tcb.bits & TCB_SACK:
        return choose_new(tcb, allowed, full, choice)
    if allowed < full:
        return 0
    if hole(tcb, tcb.high_rxt, 1, &at, &length):
        take_data(tcb, at, min(length, allowed), 1, choice)
        return 1
    if choose_new(tcb, allowed, full, choice):
        return 1
    if hole(tcb, tcb.high_rxt, 0, &at, &length):
        take_data(tcb, at, min(length, full), 1, choice)
        return 1
    if not tcb.bits & TCB_RESCUED:
        at = tcb.sacked.items[tcb.sacked.count - 1].end if tcb.sacked.count else tcb.snd_una
        if <int32_t>(tcb.high_rxt - at) > 0:
            at = tcb.high_rxt
        if <int32_t>(tcb.recover - at) > 0:         # its very end: a block there shows all the others before it lost
            length = min(tcb.recover - at, full)
            take_data(tcb, tcb.recover - length, length, 1, choice)
            choice.rescue = 1
            return 1
    return 0


cdef void choose_tail(const Tcb *tcb, uint32_t full, Choice *choice) noexcept nogil:
    """A tail loss probe: new data whatever the congestion window says, else the last segment again (RFC 8985 7.3)."""
    cdef uint32_t waiting = 0 if tcb.bits & TCB_FIN_SENT else data_end(tcb) - tcb.snd_nxt
    cdef uint32_t length = min(waiting, full)
    if length and length <= window_left(tcb):
        take_data(tcb, tcb.snd_nxt, length, 0, choice)
    else:
        length = min(min(tcb.snd_max - tcb.snd_last, tcb_flight(tcb)), full + (tcb.bits & TCB_FIN_SENT != 0))
        take_data(tcb, tcb.snd_max - length, length, 1, choice)
    choice.tail = 1


cdef bint choose(Tcb *tcb, uint32_t full, Choice *choice) noexcept nogil:
    """What goes next, as far as the windows let it; 0: nothing."""
    cdef uint32_t pipe = pipe_of(tcb), allowed, end, length, window = tcb.cwnd
    cdef int32_t found
    if tcb.duplicate_acks and not tcb.bits & (TCB_SACK | TCB_RECOVERY):
        window += min(tcb.duplicate_acks, <uint32_t>2) * tcb.mss        # limited transmit (RFC 3042)
    allowed = window - pipe if window > pipe else 0
    if tcb.bits & TCB_FORCED:                   # a probe of the window
        tcb.bits &= ~<uint32_t>TCB_FORCED
        take_data(tcb, tcb.snd_una, max(min(tcb.snd_wnd, full), 1), tcb.snd_max != tcb.snd_una, choice)
        choice.probe = 1
        return 1
    if tcb.tail == TAIL_DUE:
        choose_tail(tcb, full, choice)
        return 1
    if tcb.bits & TCB_RECOVERY:
        return choose_in_recovery(tcb, allowed, full, choice)
    while <int32_t>(tcb.snd_nxt - tcb.snd_max) < 0:         # after a timeout
        found = ranges_find(&tcb.sacked, tcb.snd_nxt)
        if found >= 0:
            tcb.snd_nxt = tcb.sacked.items[found].end
            continue
        end = tcb.snd_max
        for found in range(<int32_t>tcb.sacked.count):
            if <int32_t>(tcb.sacked.items[found].first - tcb.snd_nxt) > 0:
                end = tcb.sacked.items[found].first
                break
        if allowed == 0:
            return 0
        length = min(end - tcb.snd_nxt, max(allowed, full))
        if end == tcb.snd_max and length < full:            # a segment is filled up with what was not sent yet
            length = max(length, min(min(full, data_end(tcb) - tcb.snd_nxt), window_left(tcb)))
        take_data(tcb, tcb.snd_nxt, length, 1, choice)
        return 1
    return choose_new(tcb, allowed, full, choice)


# Sending it

cdef void sent(Tcb *tcb, const Choice *choice, uint32_t full) noexcept nogil:
    """What has changed by a segment that left, or by a super-segment of full ones."""
    cdef int64_t now = tcb.tcp.host.now
    cdef uint32_t end = choice.at + choice.length + choice.finish
    if choice.finish:
        tcb.bits |= TCB_FIN_SENT
    if choice.retransmission:
        tcb.tcp.counts[COUNT_RETRANSMITTED] += 1
        tcb.retransmitted += 1
        tcb.bits &= ~<uint32_t>TCB_RTT_TIMED                # Karn
        tcb.tail = TAIL_NONE                                # it would say nothing any more
        if choice.rescue:
            tcb.bits |= TCB_RESCUED
        elif tcb.bits & TCB_RECOVERY and <int32_t>(end - tcb.high_rxt) > 0:
            tcb.high_rxt = end
    elif not tcb.bits & TCB_RTT_TIMED:
        tcb.bits |= TCB_RTT_TIMED
        tcb.rtt_sequence = end
        tcb.rtt_started = now
    if <int32_t>(end - tcb.snd_nxt) > 0 and not (choice.retransmission and tcb.bits & TCB_RECOVERY):
        tcb.snd_nxt = end
    if <int32_t>(end - tcb.snd_max) > 0:
        tcb.bytes_out += choice.at + choice.length - tcb.snd_max    # a retransmission may be filled up with new data
        tcb.snd_last = choice.at + (choice.length - 1) // full * full if choice.length else choice.at
        tcb.snd_max = end
    if tcb.deadline[TIMER_PERSIST] and not choice.probe:
        tcb.deadline[TIMER_PERSIST] = 0                     # there was a window after all, or the user made more of it
        tcb.probes = 0
    if not tcb.deadline[TIMER_RETRANSMIT] and not tcb.deadline[TIMER_PERSIST]:
        if tcb.snd_max - tcb.snd_una == end - choice.at:
            tcb.progress_at = now                           # the user timeout counts from here
        set_timer(tcb, TIMER_RETRANSMIT, now + tcb.rto)
    if choice.tail:
        tail_sent(tcb, choice.retransmission)
    elif not choice.retransmission:
        tail_schedule(tcb)


cdef uint32_t tcp_bare_place(const Tcb *tcb) noexcept nogil:
    """The sequence number of a segment without data: the next, but not past the window, where a probe may have got.

    A peer whose window is closed takes no other (RFC 9293 section 3.10.7.4): with probes out both ways neither would
    hear that the other reads again.
    """
    cdef uint32_t edge = tcb.snd_una + tcb.snd_wnd
    if tcb.connection.state < ESTABLISHED:                  # the peer has told no window yet
        return tcb.snd_max
    return edge if <int32_t>(edge - tcb.snd_max) < 0 else tcb.snd_max


cdef void tcp_output(Tcb *tcb) noexcept nogil:
    """Send all that may go now, and the acknowledgment that is due."""
    cdef Path path
    cdef Choice choice
    cdef Tcp *tcp = tcb.tcp
    cdef uint32_t full, most
    cdef uint8_t flags
    cdef bint failed = 0
    if tcb.connection.state == SYN_SENT and not tcb.deadline[TIMER_RETRANSMIT]:
        tcb.progress_at = tcp.host.now
        set_timer(tcb, TIMER_RETRANSMIT, tcp.host.now + tcb.rto)
        send_syn(tcb)
    if tcb.connection.state < ESTABLISHED or tcb.connection.state == TIME_WAIT:
        return
    if not host_find_path(tcp.host, &tcb.connection.remote, &path):
        if tcb_unfinished(tcb) and not tcb.deadline[TIMER_RETRANSMIT] and not tcb.deadline[TIMER_PERSIST]:
            tcb.progress_at = tcp.host.now                  # the user timeout counts from here
            set_timer(tcb, TIMER_RETRANSMIT, tcp.host.now + tcb.rto)
        return
    path_follow(tcb, &path)
    full = segment_payload(tcb)
    most = full
    if path.offload and not tcb.bits & TCB_URGENT_OUT:      # the urgent pointer is told from each segment's own place
        most = max(SUPER_SEGMENT_MAX - SUPER_SEGMENT_MAX % full, full)
    if tcb_flight(tcb) == 0 and tcb.send.used and tcp.host.now - tcb.sent_at > tcb.rto:
        tcb.congestion.idle(tcb)
    while choose(tcb, full, &choice):
        if path.room == 0:
            tcb_touch(tcb)                                  # when the link has room again
            break
        if not choice.length and not choice.finish:
            break
        if choice.length > most:
            choice.length = most
            choice.finish = 0
        flags = TCP_ACK | (TCP_FIN if choice.finish else 0)
        if choice.length and choice.at + choice.length == data_end(tcb):
            flags |= TCP_PSH
        if not send_segment(tcb, &path, choice.at, choice.length, flags, full if path.offload else 0):
            failed = 1
            break
        sent(tcb, &choice, full)
        path.room -= 1
    if tcb.bits & TCB_ACK_NOW:
        if path.room == 0:
            tcb_touch(tcb)
        elif not send_segment(tcb, &path, tcp_bare_place(tcb), 0, TCP_ACK, 0):
            failed = 1
    if failed:
        set_timer(tcb, TIMER_DELAYED_ACK, tcp.host.now + AGAIN_AFTER)
    if tcb.send.used and tcb_flight(tcb) == 0 and not tcb.deadline[TIMER_PERSIST] and not tcb.bits & TCB_TOUCHED:
        tcb.progress_at = tcp.host.now                      # it is from here that a user waits for an answer
        set_timer(tcb, TIMER_PERSIST, tcp.host.now + tcb.rto)


cdef void tcp_acknowledge(Tcb *tcb) noexcept nogil:
    """Send an acknowledgment by itself, now."""
    cdef Path path
    if host_find_path(tcb.tcp.host, &tcb.connection.remote, &path):
        send_segment(tcb, &path, tcp_bare_place(tcb), 0, TCP_ACK, 0)


cdef void tcp_challenge(Tcb *tcb) noexcept nogil:
    """Send a challenge ACK (RFC 5961), at most two a second for each connection."""
    cdef int64_t now = tcb.tcp.host.now
    if tcb.challenged_at and now - tcb.challenged_at < CHALLENGE_INTERVAL:
        return
    tcb.challenged_at = now
    tcb.tcp.counts[COUNT_CHALLENGE_ACKS] += 1
    tcp_acknowledge(tcb)
