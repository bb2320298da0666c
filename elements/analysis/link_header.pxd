"""Where the IP header lies behind a link header, by the link type of a capture file (Click's fake_pcap_force_ip)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.wire cimport load_be16


cdef enum:
    IP_HEADER = 20
    IP6_HEADER = 40
    TYPE_IP = 0x0800
    TYPE_IP6 = 0x86DD
    TYPE_VLAN = 0x8100
    TYPE_QINQ = 0x88A8
    PPP_IP = 0x0021
    PPP_IP6 = 0x0057


cdef inline bint link_is_known(uint32_t link_type) noexcept nogil:
    """Whether `link_ip_offset` knows the link type."""
    return link_type in (0, 1, 9, 12, 14, 50, 101, 104, 108, 113, 228, 229)


cdef inline int link_ip_offset(uint32_t link_type, const uint8_t *data, uint32_t length) noexcept nogil:
    """Bytes before what must be the IP header, -1 where there is none."""
    cdef uint32_t at, kind
    if link_type in (12, 14, 101, 228, 229):
        return 0
    if link_type in (0, 108):
        return 4
    if link_type == 1:
        at = 12
        while at + 2 <= length and load_be16(data + at) in (TYPE_VLAN, TYPE_QINQ):
            at += 4
    elif link_type == 113:
        at = 14
    elif link_type in (50, 104):
        at = 2
    elif link_type == 9:
        at = 2 if length >= 2 and data[0] == 0xFF and data[1] == 3 else 0
    else:
        return -1
    if at + 2 > length:
        return -1
    kind = load_be16(data + at)
    if kind in (TYPE_IP, TYPE_IP6) or (link_type in (9, 50) and kind in (PPP_IP, PPP_IP6)):
        return <int>(at + 2)
    return -1


cdef inline int link_ip_header(const uint8_t *ip, uint32_t left) noexcept nogil:
    """The length of the IPv4 or IPv6 header that starts here, 0 when there is none that is whole."""
    cdef uint32_t length
    if left >= IP_HEADER and ip[0] >> 4 == 4:
        length = <uint32_t>(ip[0] & 15) * 4
        return <int>length if IP_HEADER <= length <= left else 0
    return IP6_HEADER if left >= IP6_HEADER and ip[0] >> 4 == 6 else 0
