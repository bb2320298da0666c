"""Walking the options of an IPv4 header, whatever they say about themselves (RFC 791 section 3.1)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.proto.ipv4 cimport (
    IP_AT_OPTIONS, IP_OPTION_END, IP_OPTION_LOOSE_SOURCE_ROUTE, IP_OPTION_NO_OPERATION, IP_OPTION_STRICT_SOURCE_ROUTE,
    ip_header_length,
)


cdef enum:
    OPTION_AT_LENGTH = 1
    OPTION_AT_POINTER = 2       # of routes and timestamps: counts from 1, at the option's type
    OPTION_AT_ROUTE = 3


cdef inline uint32_t option_length(const uint8_t *option, uint32_t room) noexcept nogil:
    """The length of an option with `room` bytes left in the header; 0 when what it says cannot be."""
    if option[0] == IP_OPTION_NO_OPERATION or option[0] == IP_OPTION_END:
        return 1
    if room < 2 or option[OPTION_AT_LENGTH] < 2 or option[OPTION_AT_LENGTH] > room:
        return 0
    return option[OPTION_AT_LENGTH]


cdef inline const uint8_t *find_source_route(const uint8_t *ip) noexcept nogil:
    """The source route option of a header that is all there, its route known to lie in it; else NULL."""
    cdef uint32_t at = IP_AT_OPTIONS
    cdef uint32_t end = ip_header_length(ip)
    cdef uint32_t length
    while at < end and ip[at] != IP_OPTION_END:
        length = option_length(ip + at, end - at)
        if length == 0:
            return NULL
        if ip[at] == IP_OPTION_LOOSE_SOURCE_ROUTE or ip[at] == IP_OPTION_STRICT_SOURCE_ROUTE:
            return ip + at if length >= OPTION_AT_ROUTE else NULL
        at += length
    return NULL
