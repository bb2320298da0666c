"""Segments as they leave; see tcp_emit.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from netos.proto.host cimport Path
from netos.proto.tcp_block cimport Connection, Tcb, Tcp


cdef struct Bare:               # a segment without a block
    uint32_t sequence
    uint32_t acknowledgment
    uint8_t flags
    uint32_t window             # as it goes into the header
    uint8_t options[40]
    uint32_t options_length     # a multiple of four


cdef uint32_t put_timestamps(uint8_t *option, uint32_t value, uint32_t echo) noexcept nogil
cdef uint32_t put_syn_options(uint8_t *option, uint16_t mss, int32_t window_scale, bint sack, bint timestamps,
                              uint32_t value, uint32_t echo) noexcept nogil
cdef bint send_bare(Tcp *tcp, const Connection *connection, Bare *bare) noexcept nogil
cdef uint32_t ring_left(const Tcb *tcb) noexcept nogil
cdef uint32_t options_length(const Tcb *tcb) noexcept nogil
cdef bint send_segment(Tcb *tcb, const Path *path, uint32_t at, uint32_t length, uint8_t flags,
                       uint32_t gso_size) noexcept nogil
cdef bint send_syn(Tcb *tcb) noexcept nogil
cdef void set_timer(Tcb *tcb, int which, int64_t when) noexcept nogil
