"""IPGWOptions, for the elements that contain one."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.packet cimport Descriptor


cdef class IPGWOptions(Element):
    cdef uint32_t address               # in network order
    cdef uint32_t other_count
    cdef const uint32_t *others         # point into `other_bytes`
    cdef bytes other_bytes
    cdef uint64_t bad

    cdef int handle(self, Descriptor *packet) noexcept nogil
    cdef int walk(self, uint8_t *options, uint32_t end) noexcept nogil
    cdef int record_route(self, uint8_t *option, uint32_t length) noexcept nogil
    cdef int stamp(self, uint8_t *option, uint32_t length) noexcept nogil
    cdef bint is_mine(self, uint32_t address) noexcept nogil
