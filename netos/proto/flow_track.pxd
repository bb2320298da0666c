"""From an IPv4 packet to its connection: what every element does that tracks; see flow_track.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.proto.flows cimport Connection, Flows, Tuple, flow_bucket, flow_candidate, flow_hash, flow_of, prefetch_line


cdef enum:
    READ_NOTHING                # no connection can be told: truncated, a later fragment
    READ_PACKET
    READ_QUOTE                  # an ICMP error; the tuple is the inverse of the quoted datagram's


cdef struct Reading:            # what one packet says of its connection
    Tuple key
    uint64_t hashed
    uint32_t reference          # the connection and direction, once tracked; NO_FLOW
    uint32_t candidate          # what flow_prefetch_connection took for it
    int kind
    uint32_t payload            # of the IP packet: bytes from the transport header on


cdef int flow_read(const Flows *flows, const uint8_t *ip, uint32_t length, Reading *reading) noexcept nogil
cdef int flow_read_transport(const uint8_t *ip, uint32_t length, Tuple *key) noexcept nogil
cdef int flow_track(Flows *flows, const uint8_t *ip, Reading *reading, int64_t now) noexcept nogil


cdef inline void flow_prefetch(const Flows *flows, const Reading *reading) noexcept nogil:
    """First step of a look-up that is coming: its bucket."""
    prefetch_line(flow_bucket(flows, reading.hashed))


cdef inline void flow_prefetch_connection(const Flows *flows, Reading *reading) noexcept nogil:
    """Second step: its connection."""
    reading.candidate = flow_candidate(flows, reading.hashed)
    if reading.candidate:
        prefetch_line(flow_of(flows, reading.candidate))
        prefetch_line(<uint8_t *>flow_of(flows, reading.candidate) + 64)
