"""What the elements that check headers share; see checking.pyx."""

from libc.stdint cimport uint64_t

from netos.element cimport Element
from netos.packet cimport Descriptor


cdef enum:
    CHECK_REASONS = 8           # that one element can tell apart


cdef class HeaderCheck(Element):
    cdef bint verbose
    cdef uint64_t bad_counts[CHECK_REASONS]

    cdef void bad(self, Descriptor *packet, int reason, int drop) noexcept nogil
