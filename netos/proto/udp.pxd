"""UDP (RFC 768). A checksum of zero means that the sender made none; a sum of zero is sent as 0xFFFF."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from netos.wire cimport load_be16, store_be16


cdef enum:
    UDP_HEADER_LENGTH = 8
    UDP_AT_SOURCE = 0
    UDP_AT_DESTINATION = 2
    UDP_AT_LENGTH = 4
    UDP_AT_CHECKSUM = 6


cdef inline uint16_t udp_source(const uint8_t *udp) noexcept nogil:
    return load_be16(udp + UDP_AT_SOURCE)


cdef inline uint16_t udp_destination(const uint8_t *udp) noexcept nogil:
    return load_be16(udp + UDP_AT_DESTINATION)


cdef inline uint32_t udp_length(const uint8_t *udp) noexcept nogil:
    """Of header and data, as the header claims."""
    return load_be16(udp + UDP_AT_LENGTH)


cdef inline uint16_t udp_checksum(const uint8_t *udp) noexcept nogil:
    return load_be16(udp + UDP_AT_CHECKSUM)


cdef inline void udp_write(uint8_t *udp, uint16_t source, uint16_t destination, uint32_t length) noexcept nogil:
    """Write a header with checksum zero; `length` includes its eight bytes."""
    store_be16(udp + UDP_AT_SOURCE, source)
    store_be16(udp + UDP_AT_DESTINATION, destination)
    store_be16(udp + UDP_AT_LENGTH, <uint16_t>length)
    store_be16(udp + UDP_AT_CHECKSUM, 0)
