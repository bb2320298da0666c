"""The timers of a connection: retransmission (RFC 6298), probes, delayed ACK, keepalive, lingering (RFC 9293 3.8)."""

from libc.errno cimport ETIMEDOUT
from libc.stdint cimport int64_t, uint32_t

from netos.proto.deadlines cimport Deadline, deadline_init, deadline_set
from netos.proto.host cimport Path, host_find_path
from netos.proto.neighbours cimport neighbour_doubt
from netos.proto.ranges cimport ranges_forget
from netos.proto.tcp cimport TCP_ACK
from netos.proto.tcp_block cimport (
    COUNT_ABANDONED, COUNT_ATTEMPT_FAILS, COUNT_KEEPALIVES, COUNT_PROBES, COUNT_RETRANSMITTED, COUNT_TIMEOUTS,
    ESTABLISHED, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT, TAIL_DUE, TAIL_NONE, TCB_ACK_NOW, TCB_CWR_PENDING, TCB_ECN,
    TCB_FORCED, TCB_KEEPALIVE, TCB_ORPHAN, TCB_RECOVERY, TCB_RESCUED, TCP_TIMERS, TIMER_DELAYED_ACK, TIMER_KEEPALIVE,
    TIMER_LINGER, TIMER_PERSIST, TIMER_RETRANSMIT, TIMER_TAIL, Tcb, Tcp, tcb_flight, tcb_unfinished,
)
from netos.proto.tcp_emit cimport send_segment, send_syn, set_timer
from netos.proto.tcp_output cimport segment_payload, tcp_output
from netos.proto.tcp_path cimport path_doubt
from netos.proto.tcp_table cimport tcb_end, tcb_make
from netos.proto.tcp_tail cimport tail_may_be_probed

cdef enum:
    DOUBTED = 3                 # R1, in retransmissions

cdef int64_t SECOND = 1000000000
cdef int64_t GRANULARITY = 1000000      # G of RFC 6298
cdef int64_t SYN_PATIENCE = 180 * SECOND    # MUST-23
cdef int64_t PROBE_MAXIMUM = 60 * SECOND


cdef Tcb *tcb_new(Tcp *tcp) noexcept nogil:
    """A fresh block with its timers; NULL when there may be no more."""
    cdef Tcb *tcb = tcb_make(tcp)
    if tcb != NULL:
        deadline_init(&tcb.timer, expire, tcb)
    return tcb


cdef void expire(Deadline *deadline) noexcept nogil:
    """The deadline of a connection, at the earliest of its timers or before."""
    cdef Tcb *tcb = <Tcb *>deadline.object
    cdef int64_t now = tcb.tcp.host.now, next = 0
    cdef int which
    for which in range(TCP_TIMERS):
        if 0 < tcb.deadline[which] <= now:
            tcb.deadline[which] = 0
            if not fire(tcb, which):
                return                          # it is over
    for which in range(TCP_TIMERS):
        if tcb.deadline[which] and (next == 0 or tcb.deadline[which] < next):
            next = tcb.deadline[which]
    if next and (tcb.timer.place < 0 or next < tcb.timer.when):
        deadline_set(&tcb.tcp.host.deadlines, &tcb.timer, next)


cdef bint fire(Tcb *tcb, int which) noexcept nogil:
    """One timer has run out; 0 when that ended the connection."""
    if which == TIMER_TAIL:
        probe_tail(tcb)
        return 1
    if which == TIMER_RETRANSMIT:
        return retransmit(tcb)
    if which == TIMER_PERSIST:
        return probe(tcb)
    if which == TIMER_DELAYED_ACK:
        tcb.bits |= TCB_ACK_NOW
        tcp_output(tcb)
        return 1
    if which == TIMER_KEEPALIVE:
        return keepalive(tcb)
    tcb_end(tcb, 0)                             # FIN-WAIT-2 that nobody waits in
    return 0


cdef void probe_tail(Tcb *tcb) noexcept nogil:
    """RFC 8985 section 7.3; if it may not be, or cannot, the retransmission timer goes on as it is."""
    if tail_may_be_probed(tcb) and not tcb.tail_untimed:
        tcb.tail = TAIL_DUE
        tcp_output(tcb)
        if tcb.tail == TAIL_DUE:
            tcb.tail = TAIL_NONE


cdef bint give_up(Tcb *tcb) noexcept nogil:
    tcb.tcp.counts[COUNT_ABANDONED] += 1
    tcb_end(tcb, tcb.soft_error if tcb.soft_error else ETIMEDOUT)
    return 0


cdef void doubt_neighbour(Tcb *tcb) noexcept nogil:
    """R1 of RFC 9293 section 3.8.3: perhaps it is the next hop that is gone."""
    cdef Path path
    if host_find_path(tcb.tcp.host, &tcb.connection.remote, &path) and path.interface != NULL:
        neighbour_doubt(tcb.tcp.host, path.interface, &path.hop)


cdef bint retransmit(Tcb *tcb) noexcept nogil:
    """RFC 6298 section 5.4 to 5.7, RFC 5681 section 3.1, RFC 6675 section 5.1."""
    cdef int64_t now = tcb.tcp.host.now
    cdef uint32_t flight = tcb_flight(tcb)
    cdef bint opening = tcb.connection.state == SYN_SENT or tcb.connection.state == SYN_RECEIVED
    cdef int64_t patience = SYN_PATIENCE if opening else tcb.user_timeout
    if now - tcb.progress_at >= patience:
        if opening:
            tcb.tcp.counts[COUNT_ATTEMPT_FAILS] += 1
        return give_up(tcb)
    if not opening and tcb.snd_wnd == 0 and flight:
        return probe(tcb)                       # what was sent came too late for the window: that is no loss
    tcb.tcp.counts[COUNT_TIMEOUTS] += 1
    tcb.backoff += 1
    tcb.timeouts += 1
    if tcb.timeouts == DOUBTED:
        doubt_neighbour(tcb)
    tcb.rto = min(tcb.rto * 2, tcb.tcp.rto_maximum)
    tcb.bits &= ~<uint32_t>(TCB_RECOVERY | TCB_RESCUED)
    tcb.tail = TAIL_NONE
    set_timer(tcb, TIMER_RETRANSMIT, min(now + tcb.rto, tcb.progress_at + patience))
    if opening:
        tcb.tcp.counts[COUNT_RETRANSMITTED] += 1
        tcb.retransmitted += 1
        send_syn(tcb)
        return 1
    if flight:
        path_doubt(tcb, min(flight, tcb.send.used) >= segment_payload(tcb))
        tcb.congestion.timeout(tcb, flight)
        if tcb.bits & TCB_ECN:
            tcb.bits |= TCB_CWR_PENDING         # any reduction is told (RFC 3168 section 6.1.2)
        ranges_forget(&tcb.sacked, tcb.snd_max)     # the peer may have thrown it away (RFC 2018 section 8)
        tcb.snd_nxt = tcb.snd_una
        tcb.recover = tcb.snd_max                   # no fast retransmit for what was sent before (RFC 6582 section 4)
        tcb.duplicate_acks = 0
    tcp_output(tcb)
    if not tcb_unfinished(tcb):
        tcb.deadline[TIMER_RETRANSMIT] = 0
    return 1


cdef bint probe(Tcb *tcb) noexcept nogil:
    """A byte beyond the window, for ever while the peer answers and a user waits (RFC 9293 section 3.8.6.1)."""
    cdef int64_t now = tcb.tcp.host.now
    cdef int64_t since = tcb.progress_at        # when it began to wait, or something was last acknowledged
    if not tcb.send.used and not tcb_flight(tcb):
        return 1
    if not tcb.bits & TCB_ORPHAN:
        since = max(since, tcb.heard_at)
    if tcb.probes and now - since >= tcb.user_timeout:
        return give_up(tcb)
    tcb.tcp.counts[COUNT_PROBES] += 1
    set_timer(tcb, TIMER_PERSIST, now + min(max(tcb.rto, SECOND // 2) << min(tcb.probes, <uint32_t>10), PROBE_MAXIMUM))
    tcb.probes += 1
    tcb.bits |= TCB_FORCED
    tcp_output(tcb)
    tcb.bits &= ~<uint32_t>TCB_FORCED
    return 1


cdef bint keepalive(Tcb *tcb) noexcept nogil:
    """RFC 9293 section 3.8.4: an old sequence number without data, which any live peer acknowledges."""
    cdef int64_t now = tcb.tcp.host.now
    cdef int64_t due = tcb.heard_at + tcb.keepalive_idle
    cdef Path path
    if not tcb.bits & TCB_KEEPALIVE or tcb.connection.state < ESTABLISHED:
        return 1
    if tcb.heard_at >= tcb.probed_at and not tcb.deadline[TIMER_PERSIST]:
        tcb.probes = 0                          # the last probe was answered, however short the idle time is
    if now < due:
        set_timer(tcb, TIMER_KEEPALIVE, due)
        return 1
    if not tcb_unfinished(tcb):                 # else other timers see to it
        if tcb.probes >= tcb.keepalive_count:
            return give_up(tcb)
        tcb.probes += 1
        tcb.tcp.counts[COUNT_KEEPALIVES] += 1
        tcb.probed_at = now
        if host_find_path(tcb.tcp.host, &tcb.connection.remote, &path):
            send_segment(tcb, &path, tcb.snd_una - 1, 0, TCP_ACK, 0)
    set_timer(tcb, TIMER_KEEPALIVE, now + tcb.keepalive_interval)
    return 1


cdef void rtt_measured(Tcb *tcb, int64_t rtt) noexcept nogil:
    """RFC 6298 section 2."""
    cdef int64_t difference
    rtt = max(rtt, 1)
    if tcb.srtt == 0:
        tcb.srtt = rtt
        tcb.rttvar = rtt // 2
    else:
        difference = tcb.srtt - rtt if tcb.srtt > rtt else rtt - tcb.srtt
        tcb.rttvar += (difference - tcb.rttvar) // 4
        tcb.srtt += (rtt - tcb.srtt) // 8
    tcb.rto = min(max(tcb.srtt + max(GRANULARITY, 4 * tcb.rttvar), tcb.tcp.rto_minimum), tcb.tcp.rto_maximum)
    tcb.backoff = 0
    tcb.tail_untimed = 0


cdef void tcb_stay_or_leave(Tcb *tcb) noexcept nogil:
    """In FIN-WAIT-2 without a user, wait for the peer's FIN for a minute only."""
    if tcb.connection.state == FIN_WAIT_2 and tcb.bits & TCB_ORPHAN and not tcb.deadline[TIMER_LINGER]:
        set_timer(tcb, TIMER_LINGER, tcb.tcp.host.now + 60 * SECOND)
