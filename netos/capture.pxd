"""Records of packets for whoever listens: a bounded ring, and the patches that fill it; see capture.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.kernel.clock cimport Clock, clock_host
from netos.packet cimport NO_HEADER, Batch, Descriptor, packet_headroom
from netos.portpatch cimport PortPatch
from netos.proto.bpf cimport BpfProgram
from netos.wire cimport load_be16
from posix.time cimport CLOCK_REALTIME


cdef enum:                      # kinds of record
    RECORD_PACKET = 0           # a packet crosses an edge
    RECORD_DROP = 1             # it is dropped by `element` for `reason`
    RECORD_END = 2              # it ends behind `edge`
    RECORD_CLONE = 3            # it is a clone of the packet `other`

cdef enum:                      # what a packet begins with
    LINK_FRAME = 0              # an Ethernet header
    LINK_IP = 1                 # an IP header


cdef struct Record:             # as netos.control.records reads it; `captured` bytes and padding to 8 follow
    uint32_t size               # with all that follows
    uint8_t kind
    uint8_t link
    uint16_t reason
    uint32_t packet             # its number in a trace
    uint32_t edge
    int64_t time                # nanoseconds since 1970
    uint32_t length             # of the packet
    uint32_t captured
    int32_t network             # where its network header is, from the first byte on; -1: not known
    uint32_t other              # the packet that was cloned, or the number of the element that dropped


cdef class CaptureRing:
    cdef uint8_t *data
    cdef readonly uint64_t capacity
    cdef uint64_t written       # bytes, since the ring was made
    cdef uint64_t taken
    cdef readonly uint64_t lost     # records that found no room
    cdef readonly uint32_t snaplen
    cdef int locked

    cdef void lock(self) noexcept nogil
    cdef void unlock(self) noexcept nogil
    cdef bint put(self, Record *record, Descriptor *packet) noexcept nogil


cdef class Filter:
    cdef readonly BpfProgram frame
    cdef readonly BpfProgram ip

    cdef bint accepts(self, Descriptor *packet) noexcept nogil


cdef class DumpPatch(PortPatch):
    cdef readonly CaptureRing ring
    cdef readonly Filter filter
    cdef readonly uint32_t edge
    cdef readonly uint64_t seen         # packets that crossed
    cdef readonly uint64_t matched
    cdef readonly uint64_t most         # how many may match; the rest only pass


cdef inline int64_t clock_stamp(Clock *clock) noexcept nogil:
    """Nanoseconds since 1970, without moving a simulated clock."""
    return clock.now if clock.simulated else clock_host(CLOCK_REALTIME)


cdef inline int packet_link(Descriptor *packet) noexcept nogil:
    """What the packet begins with: what its marked headers say, else what it looks like."""
    cdef int32_t start = <int32_t>packet_headroom(packet)
    cdef uint8_t *data = packet.data
    cdef uint32_t length = packet.length
    if packet.mac_header == start:
        return LINK_FRAME
    if packet.network_header == start:
        return LINK_IP
    if packet.network_header != NO_HEADER and packet.network_header > start:
        return LINK_FRAME
    if length >= 14 and load_be16(data + 12) in (0x0800, 0x0806, 0x8035, 0x86DD, 0x8100, 0x88A8, 0x9100):
        return LINK_FRAME
    if length >= 20 and 0x45 <= data[0] <= 0x4F and 20 <= load_be16(data + 2) <= length:
        return LINK_IP
    if length >= 40 and data[0] >> 4 == 6 and <uint32_t>load_be16(data + 4) + 40 <= length:
        return LINK_IP
    return LINK_FRAME
