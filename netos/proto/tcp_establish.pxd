"""What both ends agreed on in their SYNs; see tcp_establish.pyx."""

from libc.stdint cimport int8_t, uint8_t, uint16_t, uint32_t

from netos.proto.tcp_block cimport Connection, Tcb, Tcp
from netos.proto.tcp_segment cimport Segment


cdef struct Offer:              # what a peer's SYN said
    uint32_t irs
    uint16_t mss
    int8_t window_scale
    bint sack
    bint timestamps
    bint ecn
    uint32_t ts_value


cdef uint32_t own_mss(Tcp *tcp, const Connection *connection) noexcept nogil
cdef uint8_t own_scale(uint32_t receive_limit) noexcept nogil
cdef void offer_read(const Tcp *tcp, Offer *offer, const Segment *segment) noexcept nogil
cdef void tcb_agree(Tcb *tcb, const Offer *offer) noexcept nogil
cdef void tcb_established(Tcb *tcb) noexcept nogil
cdef void tcb_set_mss(Tcb *tcb, uint32_t path_mtu) noexcept nogil
