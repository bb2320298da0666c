"""Connections to servers that stand for those of clients; see splicer.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from elements.firewall.splice cimport Splice
from elements.firewall.syn_cookie cimport Offer
from netos.element cimport Element
from netos.kernel.timer cimport Timer
from netos.packet cimport Descriptor
from netos.proto.flow_table cimport FlowTable
from netos.proto.flows cimport Connection, Tuple


cdef enum:                      # outputs
    TO_SERVERS, TO_CLIENTS, OWN_ANSWERS


cdef struct Opening:            # a server's answer is awaited
    uint32_t reference
    int64_t started
    int64_t due


cdef class Splicer(Element):
    cdef FlowTable table
    cdef Splice *splices
    cdef Opening *openings      # a ring
    cdef uint32_t openings_size
    cdef uint32_t first
    cdef uint32_t waiting
    cdef Timer timer
    cdef readonly uint64_t unanswered       # by their servers

    cdef void turn(self) noexcept nogil
    cdef bint await_answer(self, uint32_t reference, int64_t started, int64_t now) noexcept nogil
    cdef void ask_again(self, uint32_t reference, int64_t started, int64_t now) noexcept nogil
    cdef int own_output(self) noexcept nogil
    cdef Descriptor *segment(self, const Tuple *key, uint32_t sequence, uint32_t acknowledgment, uint8_t flags,
                             uint32_t window, const Offer *offer) noexcept nogil
    cdef Descriptor *server_syn(self, Connection *connection, Splice *splice) noexcept nogil
