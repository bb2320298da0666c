"""What a connection sends, and when; see tcp_output.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Tcb, Tcp


cdef uint32_t segment_payload(const Tcb *tcb) noexcept nogil
cdef uint32_t pipe_of(const Tcb *tcb) noexcept nogil
cdef bint is_lost(const Tcb *tcb, uint32_t sequence) noexcept nogil
cdef void tcp_output(Tcb *tcb) noexcept nogil
cdef uint32_t tcp_bare_place(const Tcb *tcb) noexcept nogil
cdef void tcp_acknowledge(Tcb *tcb) noexcept nogil
cdef void tcp_challenge(Tcb *tcb) noexcept nogil
