"""Tail loss probes: whether the end of what was sent has come is asked before a timeout (RFC 8985 section 7).

Nothing that comes later tells of the loss of the last segments. A probe does: new data, if there is any, else the last
segment again. What its acknowledgment covers was lost or not; when it is sacked, all that was sent before and is not
sacked is lost: it is older by two round trips (section 6.2, without keeping the time of every segment).
"""

from libc.stdint cimport int64_t, uint32_t

from netos.proto.ranges cimport ranges_find
from netos.proto.tcp cimport TCP_FIN, sequence_before
from netos.proto.tcp_block cimport (
    COUNT_TAIL_PROBES, COUNT_TAIL_REPAIRS, TAIL_AGAIN, TAIL_NEW, TAIL_NONE, TCB_CWR_PENDING, TCB_ECN, TCB_RECOVERY,
    TCB_REDUCED, TCB_SACK, TIMER_RETRANSMIT, TIMER_TAIL, Tcb, tcb_flight,
)
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_segment cimport Segment

cdef int64_t DELAYED_ACK = 200000000    # how long a peer may keep the acknowledgment of a single segment: WCDelAckT
cdef int64_t LEAST = 10000000           # peers and we ourselves are late by that much at times
cdef int64_t UNMEASURED = 1000000000


cdef bint tail_may_be_probed(const Tcb *tcb) noexcept nogil:
    """Section 7.2: data is out, nothing of it seems lost, and no probe is out already."""
    return (tcb.bits & TCB_SACK != 0 and not tcb.bits & TCB_RECOVERY and tcb.tail == TAIL_NONE
            and tcb.snd_una != tcb.snd_max and tcb.snd_nxt == tcb.snd_max and tcb.sacked.count == 0
            and tcb.timeouts == 0 and tcb.snd_wnd != 0 and tcb.deadline[TIMER_RETRANSMIT] != 0)


cdef void tail_schedule(Tcb *tcb) noexcept nogil:
    """Data went, or some was acknowledged: when to probe, at the retransmission timeout at the latest (section 7.2)."""
    cdef int64_t timeout = UNMEASURED
    if not tail_may_be_probed(tcb):
        tcb.deadline[TIMER_TAIL] = 0
        return
    if tcb.srtt:
        timeout = max(2 * tcb.srtt, LEAST)
        if tcb_flight(tcb) <= tcb.mss:
            timeout += DELAYED_ACK
    set_timer(tcb, TIMER_TAIL, min(tcb.tcp.host.now + timeout, tcb.deadline[TIMER_RETRANSMIT]))


cdef void tail_sent(Tcb *tcb, bint again) noexcept nogil:
    """A probe went, which ends at snd_max; the retransmission timer starts anew (section 7.3)."""
    tcb.tcp.counts[COUNT_TAIL_PROBES] += 1
    tcb.tail = TAIL_AGAIN if again else TAIL_NEW
    tcb.tail_end = tcb.snd_max
    tcb.tail_flight = tcb_flight(tcb)
    tcb.tail_untimed = 1
    set_timer(tcb, TIMER_RETRANSMIT, tcb.tcp.host.now + tcb.rto)


cdef bint tail_acknowledged(Tcb *tcb, const Segment *segment, uint32_t window, uint32_t flight) noexcept nogil:
    """What an acknowledgment says of the probe that is out (section 7.4); 1: what was sent before the probe is lost.

    `window` is that of the segment, in bytes, not yet taken; `flight` what was out before it came.
    """
    cdef uint32_t ack = segment.acknowledgment
    if ranges_find(&tcb.sacked, tcb.tail_end - 1) >= 0:
        tcb.tail = TAIL_NONE
        return 1
    if sequence_before(ack, tcb.tail_end):
        return 0
    if tcb.tail == TAIL_NEW or segment.sack_count and segment.sacks[0].end == tcb.tail_end:     # DSACK: it came twice
        tcb.tail = TAIL_NONE
    elif sequence_before(tcb.tail_end, ack):            # nothing came twice: the probe has repaired a loss
        tcb.tail = TAIL_NONE
        tcb.tcp.counts[COUNT_TAIL_REPAIRS] += 1
        if not tcb.bits & (TCB_RECOVERY | TCB_REDUCED):
            tcb.congestion.loss(tcb, tcb.tail_flight)
            tcb.reduced = tcb.snd_max
            tcb.bits |= (TCB_REDUCED if tcb_flight(tcb) else 0) | (TCB_CWR_PENDING if tcb.bits & TCB_ECN else 0)
    elif (flight == tcb_flight(tcb) and not segment.length and not segment.sack_count
            and not segment.flags & TCP_FIN and window == tcb.snd_wnd):     # a duplicate: it came twice, too
        tcb.tail = TAIL_NONE
    return 0
