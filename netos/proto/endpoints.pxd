"""TCP endpoints in Python's hands; see endpoints.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport Listener, Tcb


cdef class TcpEndpoint:
    cdef Tcb *tcb
    cdef readonly Stack stack
    cdef readonly tuple local
    cdef readonly tuple remote
    cdef public object user         # whoever wants to hear of events

    cdef void adopt(self)
    cdef Tcb *block(self) except NULL
    cdef void keep_alive(self)
    cdef int set_bit(self, uint32_t bit, bint value) except -1


cdef class TcpListener:
    cdef Listener *listener
    cdef readonly Stack stack
    cdef readonly tuple local
    cdef public object user
