"""TIME-WAIT in a few bytes; see tcp_time_wait.pyx."""

from netos.proto.tcp_block cimport Tcb, Tcp, TimeWait
from netos.proto.tcp_segment cimport Segment


cdef void time_wait_enter(Tcb *tcb) noexcept nogil
cdef void time_wait_input(Tcp *tcp, TimeWait *wait, const Segment *segment) noexcept nogil
