"""What the elements that check headers share; see checking.pyx."""

from libc.stdint cimport uint8_t, uint64_t

from netos.element cimport Element
from netos.packet cimport Descriptor
from netos.proto.ipv4 cimport IP_AT_PROTOCOL, ip_is_fragment


cdef enum:
    CHECK_REASONS = 8           # that one element can tell apart

cdef enum:                      # reasons of a PayloadCheck
    NO_PROBLEM = -1
    WRONG_PROTOCOL, WRONG_LENGTH, WRONG_CHECKSUM, FRAGMENT


cdef class HeaderCheck(Element):
    cdef bint verbose
    cdef uint64_t bad_counts[CHECK_REASONS]

    cdef void bad(self, Descriptor *packet, int reason, int drop) noexcept nogil


cdef class PayloadCheck(HeaderCheck):
    cdef bint check(self, Descriptor *packet) noexcept nogil
    cdef bint refuse(self, Descriptor *packet, int problem) noexcept nogil


cdef inline int payload_problem(const uint8_t *ip, const uint8_t *payload, uint8_t protocol) noexcept nogil:
    """Why nothing of that protocol can be checked behind a marked IP header, or NO_PROBLEM."""
    if ip == NULL or ip[IP_AT_PROTOCOL] != protocol:
        return WRONG_PROTOCOL
    if payload == NULL:
        return WRONG_LENGTH
    return FRAGMENT if ip_is_fragment(ip) else NO_PROBLEM
