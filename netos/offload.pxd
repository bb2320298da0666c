"""Partial checksums and segmentation packets, completed in software; see offload.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.checksum cimport checksum_nonzero, checksum_update16, checksum_update32
from netos.packet cimport VIRTIO_NEEDS_CHECKSUM, Descriptor, Vcpu
from netos.wire cimport load_be16, store_be16


cdef enum:                      # what a rewritten field is, for checksum_adjust
    ADJUST_PSEUDO = 1           # part of the pseudo header: an address, the protocol
    ADJUST_UDP = 2              # the checksum is UDP's, where zero means none


cdef inline bint packet_offloaded(Descriptor *packet) noexcept nogil:
    """Whether the packet needs more than sending: segmentation, or its checksum."""
    return packet.gso_type != 0 or packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM


cdef inline bint checksum_is_partial(Descriptor *packet, const uint8_t *check) noexcept nogil:
    """Whether the checksum field at `check` holds only the pseudo header's sum so far."""
    return (packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM
            and check == packet.buffer + packet.checksum_start + packet.checksum_offset)


cdef inline void checksum_adjust16(Descriptor *packet, uint8_t *check, uint16_t old, uint16_t new,
                                   int what) noexcept nogil:
    """Mend the TCP or UDP checksum at `check` after a 16-bit field that it covers changed; values in host order.

    A partial checksum covers the pseudo header alone (ADJUST_PSEUDO); a UDP checksum of zero stays none (ADJUST_UDP).
    """
    cdef uint16_t value = load_be16(check)
    if checksum_is_partial(packet, check):
        if what & ADJUST_PSEUDO:
            store_be16(check, ~checksum_update16(~value, old, new))
    elif not (what & ADJUST_UDP and value == 0):
        value = checksum_update16(value, old, new)
        store_be16(check, checksum_nonzero(value) if what & ADJUST_UDP else value)


cdef inline void checksum_adjust32(Descriptor *packet, uint8_t *check, uint32_t old, uint32_t new,
                                   int what) noexcept nogil:
    """The same for a field of 32 bits, such as an IPv4 address."""
    cdef uint16_t value = load_be16(check)
    if checksum_is_partial(packet, check):
        if what & ADJUST_PSEUDO:
            store_be16(check, ~checksum_update32(~value, old, new))
    elif not (what & ADJUST_UDP and value == 0):
        value = checksum_update32(value, old, new)
        store_be16(check, checksum_nonzero(value) if what & ADJUST_UDP else value)


cdef struct Segments:           # a segmentation packet on its way to being many; see segments_begin
    Descriptor *packet
    uint32_t network            # offsets from packet.data
    uint32_t transport
    uint32_t payload
    uint32_t size               # bytes of payload a segment
    uint32_t position           # payload bytes done
    uint32_t number             # of the next segment
    bint ip6
    bint tcp


cdef int checksum_complete(Vcpu *vcpu, Descriptor *packet) noexcept nogil
cdef int segments_begin(Segments *segments, Descriptor *packet) noexcept nogil
cdef Descriptor *segments_next(Segments *segments, Vcpu *vcpu) noexcept nogil


cdef inline bint segments_left(Segments *segments) noexcept nogil:
    return segments.packet != NULL and segments.position < segments.packet.length - segments.payload
