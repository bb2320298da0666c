"""Passive opens and TIME-WAIT; see tcp_passive.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Connection, HalfOpen, Listener, Tcb, Tcp, TimeWait
from netos.proto.tcp_segment cimport Segment


cdef void send_reset(Tcp *tcp, const Connection *connection, const Segment *segment) noexcept nogil
cdef void listener_input(Tcp *tcp, Listener *listener, Connection *connection, const Segment *segment,
                         const uint32_t *left_off) noexcept nogil
cdef Tcb *half_open_input(Tcp *tcp, HalfOpen *half, const Segment *segment) noexcept nogil
cdef void half_open_end(Tcp *tcp, HalfOpen *half) noexcept nogil
cdef Tcb *cookie_input(Tcp *tcp, Listener *listener, Connection *connection, const Segment *segment) noexcept nogil
