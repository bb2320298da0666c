"""What a segment brings: data and FIN; see tcp_data.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Tcb
from netos.proto.tcp_segment cimport Segment


cdef void note_duplicate(Tcb *tcb, uint32_t first, uint32_t end) noexcept nogil
cdef bint data_input(Tcb *tcb, const Segment *segment) noexcept nogil
cdef void urgent_input(Tcb *tcb, const Segment *segment) noexcept nogil
cdef void fin_input(Tcb *tcb, const Segment *segment) noexcept nogil
