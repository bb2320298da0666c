"""What the route lookup elements share; see lookup.pyx."""

from libc.stdint cimport int32_t, uint32_t

from netos.element cimport Element
from netos.packet cimport Batch, Descriptor, Frame
from netos.proto.routes cimport RouteTable


cdef class RouteLookup(Element):
    cdef RouteTable table
    cdef uint32_t complaints        # routes that were missed, of those that are told

    cdef int missing(self, Descriptor *packet) noexcept nogil


cdef class ChangingLookup(RouteLookup):
    pass
