"""Changes to an IPv4 header that a router makes, the checksum with them (RFC 1624)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.checksum cimport checksum_update32
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, IP_AT_SOURCE, IP_AT_TTL
from netos.wire cimport load16, load32, load_be32, store16, store32, store_be32


cdef enum:
    TTL_ONE = 0x01000000        # in the word of TTL, protocol and checksum


cdef inline bint ttl_expires(const uint8_t *ip) noexcept nogil:
    """Whether one hop more is one too many."""
    return load_be32(ip + IP_AT_TTL) < 2 * TTL_ONE


cdef inline void ttl_decrement(uint8_t *ip) noexcept nogil:
    """One hop less. For a field less by 0x0100 the checksum is more by it, the carry comes round, 0xFFFF is 0."""
    cdef uint32_t word = load_be32(ip + IP_AT_TTL)
    cdef uint32_t check = (word & 0xFFFF) + 0x100
    check += check >= 0xFFFF
    store_be32(ip + IP_AT_TTL, (word & <uint32_t>0xFFFF0000) - TTL_ONE | check & 0xFFFF)


cdef inline void source_replace(uint8_t *ip, uint32_t address) noexcept nogil:
    """Another source address, in network order; checksums of what the packet carries are not touched."""
    store16(ip + IP_AT_CHECKSUM, checksum_update32(load16(ip + IP_AT_CHECKSUM), load32(ip + IP_AT_SOURCE), address))
    store32(ip + IP_AT_SOURCE, address)
