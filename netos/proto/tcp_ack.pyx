"""What an acknowledgment does to the sender: round trips, scoreboard, fast recovery, windows.

RFC 9293 section 3.10.7.4, with RFC 5681, 6582 and 6675 for what is lost.
"""

from libc.stdint cimport int64_t, uint32_t

from netos.proto.ranges cimport ranges_add, ranges_forget
from netos.proto.ring cimport ring_free, ring_skip
from netos.proto.tcp cimport TCP_ECE, TCP_FIN, TCP_SYN, sequence_before, sequence_before_or_at
from netos.proto.tcp_block cimport (
    COUNT_FAST_RETRANSMITS, EVENT_WRITABLE, TAIL_DUE, TAIL_NONE, TCB_BLOCKED, TCB_CWR_PENDING, TCB_ECN, TCB_FIN_SENT,
    TCB_RECOVERY, TCB_REDUCED, TCB_RESCUED, TCB_RTT_TIMED, TCB_SACK, TCB_TIMESTAMPS, TCB_URGENT_OUT, TIMER_PERSIST,
    TIMER_RETRANSMIT, Tcb, tcb_flight, tcb_notify, tcb_touch, tcp_clock,
)
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_output cimport is_lost, segment_payload
from netos.proto.tcp_segment cimport Segment
from netos.proto.tcp_tail cimport tail_acknowledged, tail_schedule
from netos.proto.tcp_timers cimport rtt_measured

cdef enum:
    DUPLICATES = 3                      # DupThresh


cdef bint ack_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Take an acceptable acknowledgment: not beyond snd_max, not too old. Return whether it is of our FIN."""
    cdef uint32_t ack = segment.acknowledgment, window, flight = tcb_flight(tcb)
    cdef bint news, fin = 0
    window = <uint32_t>segment.window << tcb.snd_scale
    news = sacks_input(tcb, segment)
    if sequence_before(tcb.snd_una, ack):
        fin = acknowledged(tcb, segment, ack)
    elif (ack == tcb.snd_una and tcb_flight(tcb) and not tcb.deadline[TIMER_PERSIST]
            and (news if tcb.bits & TCB_SACK else not segment.length and window == tcb.snd_wnd
                 and not segment.flags & (TCP_SYN | TCP_FIN))):
        duplicate(tcb)
    if tcb.tail > TAIL_DUE and tail_acknowledged(tcb, segment, window, flight) and not tcb.bits & TCB_RECOVERY:
        recover(tcb)
        tcb.tail_lost = 1
        tcb_touch(tcb)
    if tcb_flight(tcb) != flight:
        tail_schedule(tcb)
    update_window(tcb, segment, window)
    if (tcb.bits & TCB_ECN and segment.flags & TCP_ECE and sequence_before_or_at(tcb.recover, tcb.snd_una)
            and not tcb.bits & (TCB_RECOVERY | TCB_CWR_PENDING | TCB_REDUCED)):     # once a window (RFC 3168 6.1.2)
        tcb.congestion.loss(tcb, flight)
        tcb.reduced = tcb.snd_max
        tcb.bits |= TCB_CWR_PENDING | (TCB_REDUCED if tcb_flight(tcb) else 0)
    return fin


cdef bint sacks_input(Tcb *tcb, const Segment *segment) noexcept nogil:
    """Put the blocks on the scoreboard, those that can be true; return whether there was anything new.

    They are measured from SND.UNA on: numbers half the sequence space apart are before each other in both ways, and a
    block that ended there would take the sender past what it has sent.
    """
    cdef uint32_t i, before = tcb.sacked.total, first, end
    if not tcb.bits & TCB_SACK:
        return 0
    for i in range(segment.sack_count):
        first, end = segment.sacks[i].first, segment.sacks[i].end
        if (0 < first - tcb.snd_una < end - tcb.snd_una <= tcb_flight(tcb)
                and sequence_before(segment.acknowledgment, end)):
            ranges_add(&tcb.sacked, first, end)
    return tcb.sacked.total != before


cdef bint acknowledged(Tcb *tcb, const Segment *segment, uint32_t ack) noexcept nogil:
    """snd_una moves on."""
    cdef int64_t now = tcb.tcp.host.now
    cdef uint32_t acked = ack - tcb.snd_una, flight = tcb_flight(tcb), full = segment_payload(tcb), data
    cdef bint fin = tcb.bits & TCB_FIN_SENT and ack == tcb.snd_max and acked > tcb.send.used
    cdef bint limited = flight + 2 * full >= tcb.cwnd or (tcb.cwnd < tcb.ssthresh and 2 * flight >= tcb.cwnd)
    if tcb.bits & TCB_RTT_TIMED and sequence_before_or_at(tcb.rtt_sequence, ack):
        tcb.bits &= ~<uint32_t>TCB_RTT_TIMED
        rtt_measured(tcb, now - tcb.rtt_started)
    elif tcb.backoff and tcb.bits & TCB_TIMESTAMPS and segment.timestamps and segment.ts_echo:
        rtt_measured(tcb, <int64_t>(tcp_clock(tcb.tcp) + tcb.ts_offset - segment.ts_echo) * 1000000)
    data = min(acked, tcb.send.used)
    ring_skip(&tcb.send, data)
    if tcb.send.used == 0:
        ring_free(&tcb.send)
    tcb.snd_una = ack
    if tcb.bits & TCB_URGENT_OUT and not sequence_before(ack, tcb.snd_up):
        tcb.bits &= ~<uint32_t>TCB_URGENT_OUT
    if tcb.bits & TCB_REDUCED and not sequence_before(ack, tcb.reduced):
        tcb.bits &= ~<uint32_t>TCB_REDUCED
    if sequence_before(tcb.snd_nxt, ack):
        tcb.snd_nxt = ack
    ranges_forget(&tcb.sacked, ack)
    if tcb.sacked.count and tcb.sacked.items[0].first == ack:       # thrown away (RFC 2018 section 8), or never there
        ranges_forget(&tcb.sacked, tcb.sacked.items[0].end)
    tcb.progress_at = now
    tcb.probes = tcb.timeouts = 0
    tcb.soft_error = 0                          # what stood in the way is gone
    if tcb.bits & TCB_RECOVERY:
        recovering(tcb, ack, acked, full)
    else:
        if sequence_before(tcb.recover, ack - acked):
            tcb.recover = ack - acked - 1           # left alone it would be ahead again after 2 GiB
        tcb.duplicate_acks = 0
        tcb.congestion.acked(tcb, acked, limited)
        if tcb.sacked.count and is_lost(tcb, tcb.snd_una) and sequence_before_or_at(tcb.recover, ack):
            recover(tcb)
    set_timer(tcb, TIMER_RETRANSMIT, now + tcb.rto if tcb_flight(tcb) else 0)
    if tcb.bits & TCB_BLOCKED and tcb.send.used <= tcb.send_limit // 2:
        tcb.bits &= ~<uint32_t>TCB_BLOCKED
        tcb_notify(tcb, EVENT_WRITABLE)
    tcb_touch(tcb)
    return fin


cdef void recovering(Tcb *tcb, uint32_t ack, uint32_t acked, uint32_t full) noexcept nogil:
    """An acknowledgment in recovery: of all that was outstanding, or of a part."""
    if not sequence_before(ack, tcb.recover):
        recovery_end(tcb)
        tcb.snd_nxt = tcb.snd_max
        return
    if sequence_before_or_at(tcb.high_rxt, ack):
        tcb.high_rxt = ack - 1                  # behind: only what the scoreboard shows as a hole is sent again
    if not tcb.bits & TCB_SACK:                 # RFC 6582 section 3.2 step 3: the next, at once
        tcb.high_rxt = ack
        tcb.cwnd = (tcb.cwnd - min(acked, tcb.cwnd)) + (full if acked >= full else 0)
        tcb.cwnd = max(tcb.cwnd, full)


cdef void recovery_end(Tcb *tcb) noexcept nogil:
    """Leave fast recovery, if it goes on; the window is what it would be without the duplicates."""
    if tcb.bits & TCB_RECOVERY:
        tcb.bits &= ~<uint32_t>(TCB_RECOVERY | TCB_RESCUED)
        tcb.duplicate_acks = 0
        tcb.congestion.recovered(tcb, tcb_flight(tcb))


cdef void duplicate(Tcb *tcb) noexcept nogil:
    """A duplicate acknowledgment: something arrived, but not what should have been next."""
    tcb.duplicate_acks += 1
    if tcb.bits & TCB_RECOVERY:
        if not tcb.bits & TCB_SACK:
            tcb.cwnd += tcb.mss                 # a segment has left the network
    elif ((tcb.duplicate_acks >= DUPLICATES or is_lost(tcb, tcb.snd_una))
            and (sequence_before(tcb.recover, tcb.snd_una)
                 or tcb.bits & TCB_SACK and tcb.recover == tcb.snd_una)):       # RFC 6582 section 4.1
        recover(tcb)
    tcb_touch(tcb)


cdef void recover(Tcb *tcb) noexcept nogil:
    """Fast retransmit, and fast recovery until all that is outstanding now is acknowledged."""
    tcb.tcp.counts[COUNT_FAST_RETRANSMITS] += 1
    tcb.recover = tcb.snd_max
    tcb.high_rxt = tcb.snd_una
    tcb.bits |= TCB_RECOVERY | (TCB_CWR_PENDING if tcb.bits & TCB_ECN else 0)      # RFC 3168 section 6.1.2
    tcb.bits &= ~<uint32_t>(TCB_RTT_TIMED | TCB_RESCUED)
    tcb.snd_nxt = tcb.snd_max
    tcb.tail = TAIL_NONE
    tcb.tail_lost = 0
    if not tcb.bits & TCB_REDUCED:
        # What limited transmit has sent beyond the window does not count (RFC 5681 section 3.2 step 2).
        tcb.congestion.loss(tcb, min(tcb_flight(tcb), tcb.cwnd))
    if not tcb.bits & TCB_SACK:
        tcb.cwnd += DUPLICATES * tcb.mss


cdef void update_window(Tcb *tcb, const Segment *segment, uint32_t window) noexcept nogil:
    """Take the window of a segment that is not older than the one that told the last (RFC 9293 section 3.10.7.4).

    One that acknowledges more is newer, even when its data were sent before: a retransmission, or all that an honest
    peer sends after a forger has put SND.WL1 far ahead.
    """
    cdef bint wider
    if segment.acknowledgment != tcb.snd_una:   # it is of the past: SND.UNA has moved to every newer one
        return
    if sequence_before(segment.sequence, tcb.snd_wl1) and segment.acknowledgment == tcb.snd_wl2:
        return
    if window > tcb.snd_wnd or tcb.snd_wnd > window:
        tcb_touch(tcb)
    wider = window > tcb.snd_wnd
    tcb.snd_wl1, tcb.snd_wl2, tcb.snd_wnd = segment.sequence, segment.acknowledgment, window
    tcb.max_snd_wnd = max(tcb.max_snd_wnd, window)
    if tcb.deadline[TIMER_PERSIST] and wider:
        tcb.deadline[TIMER_PERSIST] = 0
        tcb.probes = 0
        tcb.progress_at = tcb.tcp.host.now      # however long it was closed (MUST-37)
        recovery_end(tcb)                       # it would wait for acknowledgments of what the window refused
        tcb.bits &= ~<uint32_t>TCB_RTT_TIMED
        tcb.snd_nxt = tcb.snd_una               # what the probe carried was not taken
