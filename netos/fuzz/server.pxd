"""The program on a fuzzed host; see server.pyx."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from netos.fuzz.peer cimport CALLED, SERVICES
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport Listener, Tcb

cdef enum:
    KEPT = 256                  # connections that the program keeps at most


cdef struct Held:
    Tcb *tcb
    uint32_t service
    bint greeted


cdef class Server:
    cdef Stack stack
    cdef list listeners
    cdef list ports
    cdef Listener *heard[SERVICES]
    cdef Held held[KEPT]
    cdef uint32_t oldest
    cdef uint64_t calls
    cdef bint closed
    cdef public object reader       # of datagrams to the ports of DHCP and DNS, in Python: netos.fuzz.readers
    cdef public object failure      # what it says is wrong

    cdef void hand_over(self, uint16_t port, uint32_t length) noexcept nogil
    cdef readonly uint64_t answered

    cdef void serve(self) noexcept nogil
    cdef void accept(self, uint32_t service) noexcept nogil
    cdef void keep(self, Tcb *tcb, uint32_t service) noexcept nogil
    cdef void attend(self, Held *held, uint32_t events) noexcept nogil
    cdef void call(self) noexcept nogil
