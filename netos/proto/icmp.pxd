"""ICMP for IPv4 (RFC 792; router discovery RFC 1256, next-hop MTU RFC 1191, codes of RFC 1812 section 5.2.7)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from netos.wire cimport load_be16


cdef enum:
    ICMP_HEADER_LENGTH = 8  # of every type in use; the word after the checksum may be unused
    ICMP_TIMESTAMP_LENGTH = 20

    ICMP_AT_TYPE = 0
    ICMP_AT_CODE = 1
    ICMP_AT_CHECKSUM = 2
    ICMP_AT_IDENTIFIER = 4  # echo, timestamp, information, mask
    ICMP_AT_SEQUENCE = 6
    ICMP_AT_GATEWAY = 4  # redirect: an IPv4 address
    ICMP_AT_POINTER = 4  # parameter problem: one byte
    ICMP_AT_MTU = 6  # fragmentation needed
    ICMP_AT_DATA = 8

    ICMP_ECHO_REPLY = 0
    ICMP_UNREACHABLE = 3
    ICMP_SOURCE_QUENCH = 4
    ICMP_REDIRECT = 5
    ICMP_ECHO = 8
    ICMP_ROUTER_ADVERTISEMENT = 9
    ICMP_ROUTER_SOLICITATION = 10
    ICMP_TIME_EXCEEDED = 11
    ICMP_PARAMETER_PROBLEM = 12
    ICMP_TIMESTAMP = 13
    ICMP_TIMESTAMP_REPLY = 14
    ICMP_INFORMATION_REQUEST = 15
    ICMP_INFORMATION_REPLY = 16
    ICMP_MASK_REQUEST = 17
    ICMP_MASK_REPLY = 18

    ICMP_UNREACHABLE_NET = 0
    ICMP_UNREACHABLE_HOST = 1
    ICMP_UNREACHABLE_PROTOCOL = 2
    ICMP_UNREACHABLE_PORT = 3
    ICMP_UNREACHABLE_FRAGMENTATION_NEEDED = 4
    ICMP_UNREACHABLE_SOURCE_ROUTE_FAILED = 5
    ICMP_UNREACHABLE_NET_UNKNOWN = 6
    ICMP_UNREACHABLE_HOST_UNKNOWN = 7
    ICMP_UNREACHABLE_ISOLATED = 8
    ICMP_UNREACHABLE_NET_PROHIBITED = 9
    ICMP_UNREACHABLE_HOST_PROHIBITED = 10
    ICMP_UNREACHABLE_NET_TOS = 11
    ICMP_UNREACHABLE_HOST_TOS = 12
    ICMP_UNREACHABLE_FILTER_PROHIBITED = 13
    ICMP_UNREACHABLE_HOST_PRECEDENCE = 14
    ICMP_UNREACHABLE_PRECEDENCE_CUTOFF = 15

    ICMP_REDIRECT_NET = 0
    ICMP_REDIRECT_HOST = 1
    ICMP_REDIRECT_TOS_NET = 2
    ICMP_REDIRECT_TOS_HOST = 3

    ICMP_TIME_EXCEEDED_TRANSIT = 0
    ICMP_TIME_EXCEEDED_REASSEMBLY = 1

    ICMP_PARAMETER_PROBLEM_POINTER = 0
    ICMP_PARAMETER_PROBLEM_MISSING_OPTION = 1
    ICMP_PARAMETER_PROBLEM_LENGTH = 2


cdef inline uint16_t icmp_checksum(const uint8_t *icmp) noexcept nogil:
    return load_be16(icmp + ICMP_AT_CHECKSUM)


cdef inline uint16_t icmp_identifier(const uint8_t *icmp) noexcept nogil:
    return load_be16(icmp + ICMP_AT_IDENTIFIER)


cdef inline uint16_t icmp_sequence(const uint8_t *icmp) noexcept nogil:
    return load_be16(icmp + ICMP_AT_SEQUENCE)


cdef inline bint icmp_is_error(uint8_t icmp_type) noexcept nogil:
    """Whether messages of the type quote a datagram, so that no error may answer them (RFC 1122 section 3.2.2)."""
    return icmp_type in (ICMP_UNREACHABLE, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED,
                         ICMP_PARAMETER_PROBLEM)


cdef inline uint32_t icmp_header_length(uint8_t icmp_type) noexcept nogil:
    """What a message of the type has at least: twenty bytes for timestamps, twelve for masks, else eight."""
    if icmp_type == ICMP_TIMESTAMP or icmp_type == ICMP_TIMESTAMP_REPLY:
        return ICMP_TIMESTAMP_LENGTH
    if icmp_type == ICMP_MASK_REQUEST or icmp_type == ICMP_MASK_REPLY:
        return 12
    return ICMP_HEADER_LENGTH
