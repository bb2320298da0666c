"""Ethernet II frames and IEEE 802.1Q tags: lengths, offsets (AT), types and tests of addresses."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.wire cimport load_be16, load_be48, store_be16


cdef enum:
    ETHER_ADDRESS_LENGTH = 6
    ETHER_HEADER_LENGTH = 14
    ETHER_MTU = 1500
    ETHER_MINIMUM_LENGTH = 60  # of a frame, without its check sequence
    ETHER_MAXIMUM_LENGTH = 1514

    ETHER_AT_DESTINATION = 0
    ETHER_AT_SOURCE = 6
    ETHER_AT_TYPE = 12

    ETHERTYPE_MINIMUM = 0x0600  # below it the field is an IEEE 802.3 length
    ETHERTYPE_IP = 0x0800
    ETHERTYPE_ARP = 0x0806
    ETHERTYPE_TRANSPARENT_BRIDGING = 0x6558
    ETHERTYPE_RARP = 0x8035
    ETHERTYPE_VLAN = 0x8100
    ETHERTYPE_IP6 = 0x86DD
    ETHERTYPE_PAUSE = 0x8808
    ETHERTYPE_MPLS = 0x8847
    ETHERTYPE_MPLS_MULTICAST = 0x8848
    ETHERTYPE_PPPOE_DISCOVERY = 0x8863
    ETHERTYPE_PPPOE_SESSION = 0x8864
    ETHERTYPE_QINQ = 0x88A8
    ETHERTYPE_LLDP = 0x88CC
    ETHERTYPE_LOOPBACK = 0x9000

    VLAN_TAG_LENGTH = 4  # the type 0x8100, then the tag control information
    VLAN_HEADER_LENGTH = 18
    VLAN_AT_TCI = 14
    VLAN_AT_TYPE = 16
    VLAN_ID_MASK = 0x0FFF
    VLAN_DROP_ELIGIBLE = 0x1000
    VLAN_PRIORITY_SHIFT = 13


cdef inline uint16_t ether_type(const uint8_t *frame) noexcept nogil:
    return load_be16(frame + ETHER_AT_TYPE)


cdef inline bint ether_equal(const uint8_t *address, const uint8_t *other) noexcept nogil:
    return load_be48(address) == load_be48(other)


cdef inline bint ether_is_group(const uint8_t *address) noexcept nogil:
    """Broadcast or multicast."""
    return address[0] & 1


cdef inline bint ether_is_broadcast(const uint8_t *address) noexcept nogil:
    return load_be48(address) == <uint64_t>0xFFFFFFFFFFFFULL


cdef inline bint ether_is_zero(const uint8_t *address) noexcept nogil:
    return load_be48(address) == 0


cdef inline bint ether_is_control(const uint8_t *address) noexcept nogil:
    """01-80-C2-00-00-00 to -0F, which no bridge forwards (IEEE 802.1D table 7-10)."""
    return load_be48(address) >> 4 == <uint64_t>0x0180C200000ULL


cdef inline void ether_write(uint8_t *frame, const uint8_t *destination, const uint8_t *source,
                             uint16_t ethertype) noexcept nogil:
    """Write a whole header; the addresses may not overlap it."""
    memcpy(frame + ETHER_AT_DESTINATION, destination, ETHER_ADDRESS_LENGTH)
    memcpy(frame + ETHER_AT_SOURCE, source, ETHER_ADDRESS_LENGTH)
    store_be16(frame + ETHER_AT_TYPE, ethertype)


cdef inline void ether_write_group(uint8_t *address, uint32_t group) noexcept nogil:
    """The Ethernet address of an IPv4 multicast group (RFC 1112 section 6.4)."""
    address[0] = 0x01
    address[1] = 0x00
    address[2] = 0x5E
    address[3] = <uint8_t>(group >> 16 & 0x7F)
    address[4] = <uint8_t>(group >> 8)
    address[5] = <uint8_t>group
