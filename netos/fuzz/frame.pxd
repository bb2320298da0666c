"""Frames taken apart as far as can be believed, mended, and judged; see frame.pyx."""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    FRAME_MAX = 9216            # bytes of a mutated frame: a jumbo frame
    ETHER = 14


cdef struct Parts:              # offsets in a frame, 0: is not there
    uint32_t ip
    uint32_t transport          # of a first fragment or a whole packet
    uint32_t end                # of the IP packet, as far as the frame goes
    uint8_t protocol
    bint fragment


cdef struct Station:            # whose frames are judged
    uint8_t ether[6]
    uint32_t address
    uint32_t mtu


cdef void parts_find(Parts *parts, const uint8_t *frame, uint32_t length) noexcept nogil
cdef void mend(uint8_t *frame, uint32_t length, bint lengths) noexcept nogil
cdef const char *frame_wrong(const uint8_t *frame, uint32_t length, const Station *station, bint partial,
                             uint32_t segment) noexcept nogil
cdef const char *header_wrong(const uint8_t *frame, uint32_t length) noexcept nogil
