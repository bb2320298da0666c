"""What an acknowledgment does to the sender; see tcp_ack.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Tcb
from netos.proto.tcp_segment cimport Segment


cdef bint ack_input(Tcb *tcb, const Segment *segment) noexcept nogil
cdef void recovery_end(Tcb *tcb) noexcept nogil
