"""What IPRewriter and its relatives share; see rewriter.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.kernel.timer cimport Timer
from netos.packet cimport Descriptor
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport Reading
from netos.proto.flows cimport Connection, Tuple


cdef struct InputRule:          # rewriter_spec.InputSpec
    int kind
    int forward
    int reply
    bint sets_source
    bint sets_ports
    bint sets_destination
    bint sets_destination_port
    uint32_t source
    uint32_t source_last
    uint32_t first_port
    uint32_t last_port
    uint32_t destination
    uint16_t destination_port
    int choice
    uint32_t following          # address or port to try next


cdef class Rewriter(Element):
    cdef FlowTable table
    cdef Timer timer
    cdef InputRule *rules
    cdef int rule_count
    cdef bint sets_destination_annotation
    cdef int reply_annotation   # -1: none

    cdef bint takes(self, const Tuple *key) noexcept nogil
    cdef bint read(self, Descriptor *packet, const uint8_t *ip, Reading *reading) noexcept nogil
    cdef int find(self, Reading *reading, int64_t now) noexcept nogil
    cdef bint make(self, InputRule *rule, int port, Reading *reading, int64_t now) noexcept nogil
    cdef bint candidate(self, InputRule *rule, Tuple *wanted, uint32_t attempt) noexcept nogil
    cdef void follow(self, const uint8_t *ip, Connection *connection, int direction, int64_t now) noexcept nogil
    cdef int rewrite(self, int port, Descriptor *packet, int64_t now) noexcept nogil
