"""Patches of a port, put in and taken out while the graph runs; see portpatch.pyx."""

from libc.stdint cimport uint32_t

from netos.element cimport Element, Port
from netos.packet cimport Batch


cdef class PortPatch:
    cdef Element element        # whose port it is: the pusher, or the puller
    cdef Port *port
    cdef Port below             # what the port led to before: the next patch, a shim, or the element at the other end
    cdef tuple place

    # What a patch overrides: `look` sees all packets that cross, from number `first` of a batch on;
    cdef void look(self, Batch *batch, uint32_t first) noexcept nogil
    # or else these, which have to pass the batch on.
    cdef void push(self, Batch *batch) noexcept nogil
    cdef void pull(self, uint32_t limit, Batch *into) noexcept nogil

    # What it calls, last of all: a patch may be taken out by what lies behind.
    cdef void push_below(self, Batch *batch) noexcept nogil
    cdef void pull_below(self, uint32_t limit, Batch *into) noexcept nogil
