"""Addresses of any family as sixteen bytes: IPv6's, or IPv4's mapped into one (RFC 4291 section 2.5.5.2)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from netos.wire cimport htobe64, load_be32, store_be32


cdef struct Address:
    uint64_t words[2]           # the bytes as they are on the wire


cdef inline Address address_ipv4(uint32_t number) noexcept nogil:
    """Of an IPv4 address in host order."""
    cdef Address address
    address.words[0] = 0
    address.words[1] = htobe64(<uint64_t>0xFFFF00000000ULL | number)
    return address


cdef inline uint32_t address_number(const Address *address) noexcept nogil:
    """An IPv4 address in host order."""
    return load_be32(<const uint8_t *>address + 12)


cdef inline bint address_is_ipv4(const Address *address) noexcept nogil:
    return address.words[0] == 0 and load_be32(<const uint8_t *>address + 8) == <uint32_t>0xFFFF


cdef inline bint address_equal(const Address *first, const Address *second) noexcept nogil:
    return first.words[0] == second.words[0] and first.words[1] == second.words[1]


cdef inline bint address_is_any(const Address *address) noexcept nogil:
    """0.0.0.0 or ::, which stands for every address of this host."""
    return address.words[0] == 0 and (address.words[1] == 0 or
                                      address_is_ipv4(address) and address_number(address) == 0)
