"""Congestion control: NewReno (RFC 5681 and 6582), behind the interface that others will use."""

from libc.stdint cimport uint32_t
from libc.string cimport strcmp

from netos.proto.tcp cimport sequence_before_or_at
from netos.proto.tcp_block cimport Congestion, Tcb


cdef uint32_t initial_window(const Tcb *tcb) noexcept nogil:
    """RFC 6928 section 2."""
    return min(tcb.tcp.initial_window * tcb.mss, max(2 * tcb.mss, <uint32_t>14600))


cdef void reno_start(Tcb *tcb) noexcept nogil:
    tcb.cwnd = initial_window(tcb)
    tcb.ssthresh = <uint32_t>0x7FFFFFFF


cdef void reno_acked(Tcb *tcb, uint32_t count, bint limited) noexcept nogil:
    """Slow start by what was acknowledged (RFC 5681 and 3465), else one segment a round trip.

    A window that was not in use does not grow (RFC 7661's idea, the simple form).
    """
    if not limited:
        return
    if tcb.cwnd < tcb.ssthresh:
        if sequence_before_or_at(tcb.snd_una, tcb.recover):
            count = min(count, tcb.mss)     # after a timeout much of it was there before (RFC 3465 section 2.3)
        tcb.cwnd += min(count, tcb.ssthresh - tcb.cwnd + tcb.mss)
        return
    tcb.acked_bytes += count
    if tcb.acked_bytes >= tcb.cwnd:
        tcb.acked_bytes -= tcb.cwnd
        tcb.cwnd += tcb.mss


cdef void reno_loss(Tcb *tcb, uint32_t flight) noexcept nogil:
    tcb.ssthresh = max(flight // 2, 2 * tcb.mss)
    tcb.cwnd = tcb.ssthresh
    tcb.acked_bytes = 0


cdef void reno_timeout(Tcb *tcb, uint32_t flight) noexcept nogil:
    if tcb.timeouts <= 1:       # a second timeout of the same data tells nothing new (RFC 5681 section 3.1)
        tcb.ssthresh = max(flight // 2, 2 * tcb.mss)
    tcb.cwnd = tcb.mss
    tcb.acked_bytes = 0


cdef void reno_recovered(Tcb *tcb, uint32_t flight) noexcept nogil:
    tcb.cwnd = min(tcb.ssthresh, max(flight, tcb.mss) + tcb.mss)


cdef void reno_idle(Tcb *tcb) noexcept nogil:
    tcb.cwnd = min(tcb.cwnd, initial_window(tcb))       # RFC 5681 section 4.1


cdef Congestion NEW_RENO = Congestion(
    "newreno", reno_start, reno_acked, reno_loss, reno_timeout, reno_recovered, reno_idle)


cdef const Congestion *congestion_find(const char *name) noexcept nogil:
    """The algorithm of a name, NULL when there is none."""
    if strcmp(name, NEW_RENO.name) == 0:
        return &NEW_RENO
    return NULL
