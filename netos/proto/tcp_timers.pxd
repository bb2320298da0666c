"""The timers of a connection; see tcp_timers.pyx."""

from libc.stdint cimport int64_t

from netos.proto.tcp_block cimport Tcb, Tcp


cdef Tcb *tcb_new(Tcp *tcp) noexcept nogil
cdef void rtt_measured(Tcb *tcb, int64_t rtt) noexcept nogil
cdef void tcb_stay_or_leave(Tcb *tcb) noexcept nogil
