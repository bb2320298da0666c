"""The IPv4 header of a packet, where its network header offset says that one is."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from netos.packet cimport Descriptor, packet_network
from netos.proto.ipv4 cimport IP_AT_PROTOCOL, IP_HEADER_LENGTH, ip_header_length, ip_total_length


cdef inline uint8_t *marked_ip(Descriptor *packet) noexcept nogil:
    """The marked header, all twenty bytes of which are there; else NULL."""
    # NO_HEADER is far beyond any end, so that one comparison asks both questions
    if (<uint64_t><uint32_t>packet.network_header + IP_HEADER_LENGTH
            > <uint64_t>(packet.data + packet.length - packet.buffer)):
        return NULL
    return packet_network(packet)


cdef inline uint8_t *marked_whole_ip(Descriptor *packet) noexcept nogil:
    """The marked header, its options there too; else NULL."""
    cdef uint8_t *ip = marked_ip(packet)
    if ip != NULL and (ip_header_length(ip) < IP_HEADER_LENGTH
                       or ip + ip_header_length(ip) > packet.data + packet.length):
        return NULL
    return ip


cdef inline uint8_t *marked_payload(Descriptor *packet, uint8_t protocol, uint32_t *length) noexcept nogil:
    """What the marked header has behind it and how long that is; NULL if that is not of the protocol, or not there."""
    cdef uint8_t *ip = marked_whole_ip(packet)
    length[0] = 0
    if ip == NULL or ip[IP_AT_PROTOCOL] != protocol or ip_total_length(ip) < ip_header_length(ip):
        return NULL
    if ip + ip_total_length(ip) > packet.data + packet.length:
        return NULL
    length[0] = ip_total_length(ip) - ip_header_length(ip)
    return ip + ip_header_length(ip)
