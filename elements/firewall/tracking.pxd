"""A packet's connection by its annotation, and what its addresses and ports are to become (NAT); see tracking.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from netos.packet cimport ANNO_FLOW, ANNO_FLOW_STATE, Descriptor
from netos.proto.flow_track cimport Reading
from netos.proto.flows cimport Connection, Flows, Tuple
from netos.wire cimport load32, store32


cdef enum:                      # ends of a packet to translate
    SOURCE_END = 1
    DESTINATION_END = 2


cdef struct Tracked:            # a packet's connection, found again by its annotation
    Connection *connection
    int direction
    int kind                    # READ_PACKET or READ_QUOTE
    Tuple now                   # the packet's tuple as it stands; of an error, the inverse of the quoted one
    Tuple wanted                # what it is to be when both ends are translated


cdef inline void set_flow(Descriptor *packet, int state, uint32_t reference) noexcept nogil:
    packet.annotations[ANNO_FLOW_STATE] = <uint8_t>state
    store32(packet.annotations + ANNO_FLOW, reference)


cdef inline uint32_t flow_reference(Descriptor *packet) noexcept nogil:
    return load32(packet.annotations + ANNO_FLOW)


cdef bint find_tracked(Flows *flows, Descriptor *packet, const uint8_t *ip, Tracked *tracked) noexcept nogil
cdef bint needs_translation(Tracked *tracked, int ends) noexcept nogil
cdef void translate(Descriptor *packet, uint8_t *ip, Tracked *tracked, int ends) noexcept nogil
