"""The IPv4 header (RFC 791; type of service RFC 2474 and 3168; options RFC 791 and 2113).

Functions read a header whose twenty bytes are known to be there; addresses are in host order.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.wire cimport load_be16, load_be32, store_be16, store_be32


cdef enum:
    IP_HEADER_LENGTH = 20
    IP_MAXIMUM_HEADER_LENGTH = 60
    IP_MAXIMUM_LENGTH = 65535
    IP_MINIMUM_MTU = 68  # every link must carry this (RFC 791 section 3.2)
    IP_DEFAULT_TTL = 64

    IP_AT_VERSION = 0  # version in the high four bits, header length in words in the low four
    IP_AT_TOS = 1
    IP_AT_TOTAL_LENGTH = 2
    IP_AT_IDENTIFICATION = 4
    IP_AT_FRAGMENT = 6  # flags in the high three bits, offset in units of eight bytes in the others
    IP_AT_TTL = 8
    IP_AT_PROTOCOL = 9
    IP_AT_CHECKSUM = 10
    IP_AT_SOURCE = 12
    IP_AT_DESTINATION = 16
    IP_AT_OPTIONS = 20

    IP_RESERVED_FLAG = 0x8000
    IP_DONT_FRAGMENT = 0x4000
    IP_MORE_FRAGMENTS = 0x2000
    IP_FRAGMENT_MASK = 0x1FFF

    IP_DSCP_SHIFT = 2
    IP_DSCP_MASK = 0xFC
    IP_ECN_MASK = 0x03
    IP_ECN_NOT_ECT = 0
    IP_ECN_ECT1 = 1
    IP_ECN_ECT0 = 2
    IP_ECN_CE = 3

    IP_PROTOCOL_HOPOPTS = 0
    IP_PROTOCOL_ICMP = 1
    IP_PROTOCOL_IGMP = 2
    IP_PROTOCOL_IPIP = 4
    IP_PROTOCOL_TCP = 6
    IP_PROTOCOL_EGP = 8
    IP_PROTOCOL_IGP = 9
    IP_PROTOCOL_UDP = 17
    IP_PROTOCOL_DCCP = 33
    IP_PROTOCOL_IP6 = 41
    IP_PROTOCOL_ROUTING = 43
    IP_PROTOCOL_FRAGMENT = 44
    IP_PROTOCOL_RSVP = 46
    IP_PROTOCOL_GRE = 47
    IP_PROTOCOL_ESP = 50
    IP_PROTOCOL_AH = 51
    IP_PROTOCOL_ICMP6 = 58
    IP_PROTOCOL_NONE = 59
    IP_PROTOCOL_DESTINATION_OPTIONS = 60
    IP_PROTOCOL_OSPF = 89
    IP_PROTOCOL_PIM = 103
    IP_PROTOCOL_VRRP = 112
    IP_PROTOCOL_SCTP = 132
    IP_PROTOCOL_UDPLITE = 136

    IP_OPTION_COPIED = 0x80  # the bit of an option's type that puts it into every fragment
    IP_OPTION_END = 0
    IP_OPTION_NO_OPERATION = 1
    IP_OPTION_RECORD_ROUTE = 7
    IP_OPTION_TIMESTAMP = 68
    IP_OPTION_SECURITY = 130
    IP_OPTION_LOOSE_SOURCE_ROUTE = 131
    IP_OPTION_STREAM_ID = 136
    IP_OPTION_STRICT_SOURCE_ROUTE = 137
    IP_OPTION_ROUTER_ALERT = 148
    IP_TIMESTAMP_ONLY = 0  # flags of the timestamp option
    IP_TIMESTAMP_AND_ADDRESS = 1
    IP_TIMESTAMP_PRESPECIFIED = 3


cdef inline uint32_t ip_version(const uint8_t *ip) noexcept nogil:
    return ip[IP_AT_VERSION] >> 4


cdef inline uint32_t ip_header_length(const uint8_t *ip) noexcept nogil:
    """In bytes, 0 to 60, as the header claims."""
    return (ip[IP_AT_VERSION] & 15) << 2


cdef inline uint32_t ip_total_length(const uint8_t *ip) noexcept nogil:
    return load_be16(ip + IP_AT_TOTAL_LENGTH)


cdef inline uint16_t ip_identification(const uint8_t *ip) noexcept nogil:
    return load_be16(ip + IP_AT_IDENTIFICATION)


cdef inline uint16_t ip_fragment(const uint8_t *ip) noexcept nogil:
    """The flags and the offset in units of eight bytes, as they lie in the header."""
    return load_be16(ip + IP_AT_FRAGMENT)


cdef inline uint32_t ip_fragment_offset(const uint8_t *ip) noexcept nogil:
    """In bytes."""
    return (load_be16(ip + IP_AT_FRAGMENT) & IP_FRAGMENT_MASK) << 3


cdef inline bint ip_is_fragment(const uint8_t *ip) noexcept nogil:
    return (load_be16(ip + IP_AT_FRAGMENT) & (IP_MORE_FRAGMENTS | IP_FRAGMENT_MASK)) != 0


cdef inline bint ip_is_first_fragment(const uint8_t *ip) noexcept nogil:
    """Offset zero: a whole datagram or its beginning, where the transport header is."""
    return (load_be16(ip + IP_AT_FRAGMENT) & IP_FRAGMENT_MASK) == 0


cdef inline bint ip_dont_fragment(const uint8_t *ip) noexcept nogil:
    return (load_be16(ip + IP_AT_FRAGMENT) & IP_DONT_FRAGMENT) != 0


cdef inline uint16_t ip_checksum(const uint8_t *ip) noexcept nogil:
    return load_be16(ip + IP_AT_CHECKSUM)


cdef inline uint32_t ip_source(const uint8_t *ip) noexcept nogil:
    return load_be32(ip + IP_AT_SOURCE)


cdef inline uint32_t ip_destination(const uint8_t *ip) noexcept nogil:
    return load_be32(ip + IP_AT_DESTINATION)


cdef inline void ip_write(uint8_t *ip, uint32_t total_length, uint8_t protocol, uint32_t source, uint32_t destination,
                          uint8_t ttl, uint16_t identification, uint16_t fragment) noexcept nogil:
    """Write a header without options and with checksum zero: see checksum.pxd for the sum."""
    ip[IP_AT_VERSION] = 0x45
    ip[IP_AT_TOS] = 0
    store_be16(ip + IP_AT_TOTAL_LENGTH, <uint16_t>total_length)
    store_be16(ip + IP_AT_IDENTIFICATION, identification)
    store_be16(ip + IP_AT_FRAGMENT, fragment)
    ip[IP_AT_TTL] = ttl
    ip[IP_AT_PROTOCOL] = protocol
    store_be16(ip + IP_AT_CHECKSUM, 0)
    store_be32(ip + IP_AT_SOURCE, source)
    store_be32(ip + IP_AT_DESTINATION, destination)


cdef inline bint ip_is_multicast(uint32_t address) noexcept nogil:
    return address >> 28 == 14


cdef inline bint ip_is_broadcast(uint32_t address) noexcept nogil:
    """The limited broadcast, 255.255.255.255."""
    return address == <uint32_t>0xFFFFFFFFU


cdef inline bint ip_is_reserved(uint32_t address) noexcept nogil:
    """Class E, with the limited broadcast (RFC 1112 section 4)."""
    return address >> 28 == 15


cdef inline bint ip_is_loopback(uint32_t address) noexcept nogil:
    return address >> 24 == 127


cdef inline uint32_t ip_prefix_mask(uint32_t length) noexcept nogil:
    """The netmask of a prefix of 0 to 32 bits."""
    return <uint32_t>(<uint64_t>0xFFFFFFFF00000000ULL >> length)
