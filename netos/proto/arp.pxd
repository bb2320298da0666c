"""ARP for IPv4 on Ethernet (RFC 826; probes and announcements RFC 5227)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.wire cimport load_be16, load_be32, load_be48, store_be16, store_be32, store_be48


cdef enum:
    ARP_LENGTH = 28

    ARP_AT_HARDWARE = 0
    ARP_AT_PROTOCOL = 2
    ARP_AT_HARDWARE_LENGTH = 4
    ARP_AT_PROTOCOL_LENGTH = 5
    ARP_AT_OPERATION = 6
    ARP_AT_SENDER_HARDWARE = 8
    ARP_AT_SENDER_PROTOCOL = 14
    ARP_AT_TARGET_HARDWARE = 18
    ARP_AT_TARGET_PROTOCOL = 24

    ARP_HARDWARE_ETHERNET = 1
    ARP_PROTOCOL_IP = 0x0800

    ARP_REQUEST = 1
    ARP_REPLY = 2
    RARP_REQUEST = 3
    RARP_REPLY = 4


cdef inline bint arp_is_ethernet_ip(const uint8_t *arp) noexcept nogil:
    """Whether hardware, protocol and both lengths are those of IPv4 on Ethernet."""
    return load_be48(arp) == <uint64_t>0x000108000604ULL


cdef inline uint16_t arp_operation(const uint8_t *arp) noexcept nogil:
    return load_be16(arp + ARP_AT_OPERATION)


cdef inline uint32_t arp_sender(const uint8_t *arp) noexcept nogil:
    """The sender's IPv4 address, in host order."""
    return load_be32(arp + ARP_AT_SENDER_PROTOCOL)


cdef inline uint32_t arp_target(const uint8_t *arp) noexcept nogil:
    """The target's IPv4 address, in host order."""
    return load_be32(arp + ARP_AT_TARGET_PROTOCOL)


cdef inline void arp_write(uint8_t *arp, uint16_t operation, const uint8_t *sender_ether, uint32_t sender,
                           const uint8_t *target_ether, uint32_t target) noexcept nogil:
    """Write a whole packet; IPv4 addresses in host order; target_ether may be NULL, meaning zero."""
    store_be48(arp, <uint64_t>0x000108000604ULL)
    store_be16(arp + ARP_AT_OPERATION, operation)
    memcpy(arp + ARP_AT_SENDER_HARDWARE, sender_ether, 6)
    store_be32(arp + ARP_AT_SENDER_PROTOCOL, sender)
    if target_ether == NULL:
        store_be48(arp + ARP_AT_TARGET_HARDWARE, 0)
    else:
        memcpy(arp + ARP_AT_TARGET_HARDWARE, target_ether, 6)
    store_be32(arp + ARP_AT_TARGET_PROTOCOL, target)
