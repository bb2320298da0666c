"""The TCP header (RFC 9293; options RFC 7323 and 2018; flags RFC 3168) and sequence arithmetic."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from netos.wire cimport load_be16, load_be32


cdef enum:
    TCP_HEADER_LENGTH = 20
    TCP_MAXIMUM_HEADER_LENGTH = 60
    TCP_DEFAULT_MSS = 536

    TCP_AT_SOURCE = 0
    TCP_AT_DESTINATION = 2
    TCP_AT_SEQUENCE = 4
    TCP_AT_ACKNOWLEDGMENT = 8
    TCP_AT_DATA_OFFSET = 12  # in words, in the high four bits
    TCP_AT_FLAGS = 13
    TCP_AT_WINDOW = 14
    TCP_AT_CHECKSUM = 16
    TCP_AT_URGENT = 18
    TCP_AT_OPTIONS = 20

    TCP_FIN = 0x01
    TCP_SYN = 0x02
    TCP_RST = 0x04
    TCP_PSH = 0x08
    TCP_ACK = 0x10
    TCP_URG = 0x20
    TCP_ECE = 0x40
    TCP_CWR = 0x80

    TCP_OPTION_END = 0
    TCP_OPTION_NO_OPERATION = 1
    TCP_OPTION_MSS = 2
    TCP_OPTION_WINDOW_SCALE = 3
    TCP_OPTION_SACK_PERMITTED = 4
    TCP_OPTION_SACK = 5
    TCP_OPTION_TIMESTAMPS = 8
    TCP_OPTION_MD5 = 19
    TCP_OPTION_AUTHENTICATION = 29
    TCP_OPTION_FAST_OPEN = 34


cdef inline uint16_t tcp_source(const uint8_t *tcp) noexcept nogil:
    return load_be16(tcp + TCP_AT_SOURCE)


cdef inline uint16_t tcp_destination(const uint8_t *tcp) noexcept nogil:
    return load_be16(tcp + TCP_AT_DESTINATION)


cdef inline uint32_t tcp_sequence(const uint8_t *tcp) noexcept nogil:
    return load_be32(tcp + TCP_AT_SEQUENCE)


cdef inline uint32_t tcp_acknowledgment(const uint8_t *tcp) noexcept nogil:
    return load_be32(tcp + TCP_AT_ACKNOWLEDGMENT)


cdef inline uint32_t tcp_header_length(const uint8_t *tcp) noexcept nogil:
    """In bytes, 0 to 60, as the header claims."""
    return tcp[TCP_AT_DATA_OFFSET] >> 4 << 2


cdef inline uint8_t tcp_flags(const uint8_t *tcp) noexcept nogil:
    return tcp[TCP_AT_FLAGS]


cdef inline uint16_t tcp_window(const uint8_t *tcp) noexcept nogil:
    """As it lies in the header, before scaling."""
    return load_be16(tcp + TCP_AT_WINDOW)


cdef inline uint16_t tcp_checksum(const uint8_t *tcp) noexcept nogil:
    return load_be16(tcp + TCP_AT_CHECKSUM)


cdef inline uint16_t tcp_urgent(const uint8_t *tcp) noexcept nogil:
    return load_be16(tcp + TCP_AT_URGENT)


cdef inline bint sequence_before(uint32_t first, uint32_t second) noexcept nogil:
    """Whether `first` lies in the half of the sequence space before `second` (RFC 9293 section 3.4)."""
    return <int32_t>(first - second) < 0


cdef inline bint sequence_before_or_at(uint32_t first, uint32_t second) noexcept nogil:
    return <int32_t>(first - second) <= 0
