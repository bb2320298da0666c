"""TCP's part of connection tracking; see flow_tcp.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from netos.proto.flows cimport Connection, Flows


cdef enum:                      # what a segment does
    SEGMENT_INVALID
    SEGMENT_VALID
    SEGMENT_AGAIN               # it begins a new connection where one has ended


cdef uint8_t tcp_first_state(const Flows *flows, const uint8_t *tcp) noexcept nogil
cdef void tcp_begin(Connection *connection, const uint8_t *tcp, uint32_t length) noexcept nogil
cdef int tcp_follow(Flows *flows, Connection *connection, int direction, const uint8_t *tcp, uint32_t length,
                    int64_t now) noexcept nogil
