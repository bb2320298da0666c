"""Tail loss probes; see tcp_tail.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Tcb
from netos.proto.tcp_segment cimport Segment


cdef bint tail_may_be_probed(const Tcb *tcb) noexcept nogil
cdef void tail_schedule(Tcb *tcb) noexcept nogil
cdef void tail_sent(Tcb *tcb, bint again) noexcept nogil
cdef bint tail_acknowledged(Tcb *tcb, const Segment *segment, uint32_t window, uint32_t flight) noexcept nogil
