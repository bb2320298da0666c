"""CheckIPHeader, for the elements that contain one."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport HeaderCheck
from netos.packet cimport Descriptor


cdef class CheckIPHeader(HeaderCheck):
    cdef uint32_t offset
    cdef bint check_sum
    cdef uint32_t bad_source_count
    cdef uint32_t good_destination_count
    cdef const uint32_t *bad_sources        # in network order; both point into `kept`
    cdef const uint32_t *good_destinations
    cdef tuple kept

    cdef bint check_rest(self, Descriptor *packet) noexcept nogil
    cdef bint is_bad_source(self, const uint8_t *ip) noexcept nogil
