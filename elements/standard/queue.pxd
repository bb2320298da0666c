"""Queue's C interface, for elements that look into queues by name."""

from libc.stdint cimport uint32_t

from netos.element cimport Element
from netos.kernel.notifier cimport Notifier
from netos.packet cimport Descriptor


cdef class Queue(Element):
    cdef Descriptor **ring      # `slots` places, a power of two
    cdef uint32_t slots
    cdef uint32_t first         # counts on and on; the place is its remainder
    cdef uint32_t last
    cdef readonly uint32_t capacity
    cdef readonly uint32_t highwater_length
    cdef Notifier nonempty
    cdef bint crossed           # one thread pushes, another pulls

    cdef int resize(self, uint32_t capacity) except -1
