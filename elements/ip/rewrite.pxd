"""Changes to an IPv4 header that a router makes, the checksum with them (RFC 1624)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.checksum cimport checksum_update32
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, IP_AT_SOURCE, IP_AT_TTL
from netos.wire cimport load16, load32, load_le32, store16, store32, store_le32


cdef inline bint ttl_expires(const uint8_t *ip) noexcept nogil:
    """Whether one hop more is one too many."""
    return ip[IP_AT_TTL] < 2


cdef inline void ttl_decrement(uint8_t *ip) noexcept nogil:
    """One hop less, of at least one: the checksum is more by what the TTL is less, its carry comes round, 0xFFFF is 0.

    TTL, protocol and checksum are one little-endian word here, so that a single addition does both: one's complement
    sums do not depend on the order of bytes.
    """
    cdef uint32_t word = load_le32(ip + IP_AT_TTL)
    store_le32(ip + IP_AT_TTL, word + 0xFFFF + (<uint32_t>(word >= <uint32_t>0xFFFE0000) << 16))


cdef inline void source_replace(uint8_t *ip, uint32_t address) noexcept nogil:
    """Another source address, in network order; checksums of what the packet carries are not touched."""
    store16(ip + IP_AT_CHECKSUM, checksum_update32(load16(ip + IP_AT_CHECKSUM), load32(ip + IP_AT_SOURCE), address))
    store32(ip + IP_AT_SOURCE, address)
