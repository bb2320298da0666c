"""A host's protocol stack; see stack.pyx."""

from libc.stdint cimport int64_t, uint32_t

from netos.packet cimport Batch, Vcpu
from netos.proto.host cimport Interface
from netos.proto.stack_input cimport Protocols


ctypedef void (*Ending)(Protocols *protocols, void *what) noexcept nogil


cdef class Stack:
    cdef Protocols *protocols
    cdef Vcpu *vcpu
    cdef object cpu
    cdef object routes              # netos.proto.routes_radix.RadixRoutes
    cdef dict names                 # of interfaces, to their numbers
    cdef public object on_work      # called, without arguments, when a user's call left something to send
    cdef bint working
    cdef unsigned long thread       # that runs the stack, 0: none yet
    cdef list left                  # what users in other threads let go of, to be ended: (Ending, what), as numbers
    cdef bint leaving               # that there is any

    cdef void let_go(self, Ending ending, void *what, void **owner)
    cdef void end_left(self)
    cdef void receive_batch(self, uint32_t interface, Batch *batch, int64_t now) noexcept nogil
    cdef uint32_t take_batch(self, uint32_t interface, uint32_t limit, Batch *into) noexcept nogil
    cdef void advance(self, int64_t now) noexcept nogil
    cdef bint has_work(self) noexcept nogil
    cdef int64_t due(self) noexcept nogil
    cdef bint has_events(self) noexcept nogil
    cdef Interface *interface(self, object name) except NULL
    cdef int work(self) except -1
