"""The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

A *sum* is an unfolded one's complement sum of 64 bits, opaque to callers; `checksum_finish` makes the 16 bits of a
header of it, in host order, to be stored with store_be16. Data with its own checksum is right when it finishes as zero.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.wire cimport be16toh, htobe16, htobe32, load16, load32, load64


cdef inline uint64_t checksum_add(uint64_t total, uint64_t word) noexcept nogil:
    """One's complement addition: the carry comes round."""
    total += word
    return total + (total < word)


cdef inline uint64_t checksum_partial(const uint8_t *data, size_t length, uint64_t initial) noexcept nogil:
    """Add data that begins at an even offset of what is summed; the last byte of an odd length is padded with zero."""
    cdef uint64_t first = initial
    cdef uint64_t second = 0
    cdef uint64_t third = 0
    cdef uint64_t fourth = 0
    if length >= 32:
        while length >= 32:
            first = checksum_add(first, load64(data))
            second = checksum_add(second, load64(data + 8))
            third = checksum_add(third, load64(data + 16))
            fourth = checksum_add(fourth, load64(data + 24))
            data += 32
            length -= 32
        first = checksum_add(checksum_add(first, second), checksum_add(third, fourth))
    while length >= 8:
        first = checksum_add(first, load64(data))
        data += 8
        length -= 8
    if length & 4:
        first = checksum_add(first, load32(data))
        data += 4
    if length & 2:
        first = checksum_add(first, load16(data))
        data += 2
    if length & 1:
        first = checksum_add(first, htobe16(<uint16_t>(data[0] << 8)))
    return first


cdef inline uint16_t checksum_fold(uint64_t total) noexcept nogil:
    """The sum in 16 bits and host order, not complemented: what a partial checksum (virtio NEEDS_CSUM) holds."""
    cdef uint32_t half = <uint32_t>((total + (total << 32 | total >> 32)) >> 32)
    return be16toh(<uint16_t>((half + (half << 16 | half >> 16)) >> 16))


cdef inline uint16_t checksum_finish(uint64_t total) noexcept nogil:
    return ~checksum_fold(total)


cdef inline uint16_t checksum_nonzero(uint16_t check) noexcept nogil:
    """What UDP sends: 0xFFFF for zero, which would mean that there is no checksum (RFC 768)."""
    return check if check != 0 else <uint16_t>0xFFFF


cdef inline uint16_t checksum_data(const uint8_t *data, size_t length) noexcept nogil:
    return checksum_finish(checksum_partial(data, length, 0))


cdef inline uint16_t checksum_ip(const uint8_t *ip, uint32_t header_length) noexcept nogil:
    """Of an IPv4 header of at least 20 bytes: zero when it is right, or what belongs in a field that is zero now."""
    cdef uint64_t total = checksum_add(checksum_add(load64(ip), load64(ip + 8)), load32(ip + 16))
    if header_length > 20:
        total = checksum_partial(ip + 20, header_length - 20, total)
    return checksum_finish(total)


cdef inline uint64_t checksum_pseudo(uint32_t source, uint32_t destination, uint8_t protocol,
                                     uint32_t length) noexcept nogil:
    """The sum of TCP's and UDP's IPv4 pseudo header (RFC 9293 section 3.1); addresses in host order."""
    return <uint64_t>htobe32(source) + htobe32(destination) + htobe32(protocol) + htobe32(length)


cdef inline uint64_t checksum_pseudo_ip(const uint8_t *ip, uint32_t length) noexcept nogil:
    """The same from an IPv4 header; `length` is that of the transport header and its data."""
    return <uint64_t>load32(ip + 12) + load32(ip + 16) + htobe32(ip[9]) + htobe32(length)


cdef inline uint64_t checksum_pseudo_ip6(const uint8_t *source, const uint8_t *destination, uint8_t protocol,
                                         uint32_t length) noexcept nogil:
    """The sum of the IPv6 pseudo header (RFC 8200 section 8.1); the addresses are sixteen bytes each."""
    cdef uint64_t total = checksum_partial(source, 16, <uint64_t>htobe32(protocol) + htobe32(length))
    return checksum_partial(destination, 16, total)


cdef inline uint16_t checksum_update16(uint16_t check, uint16_t old, uint16_t new) noexcept nogil:
    """The checksum after a 16-bit field that it covers changed (RFC 1624 equation 3).

    All values in the same byte order, whichever. A right checksum stays right and never becomes 0xFFFF, the other zero.
    For a partial checksum give and take the complement.
    """
    cdef uint32_t total = <uint32_t><uint16_t>~check + <uint16_t>~old + new
    total = (total & 0xFFFF) + (total >> 16)
    return <uint16_t>~(total + (total >> 16))


cdef inline uint16_t checksum_update32(uint16_t check, uint32_t old, uint32_t new) noexcept nogil:
    """The same for a field of 32 bits at an even offset."""
    cdef uint64_t total = <uint64_t><uint16_t>~check + <uint32_t>~old + new
    cdef uint32_t half = <uint32_t>((total & 0xFFFF) + (total >> 16 & 0xFFFF) + (total >> 32))
    half = (half & 0xFFFF) + (half >> 16)
    return <uint16_t>~(half + (half >> 16))
