"""ICMPPingResponder: answer pings (RFC 792, RFC 1122 section 3.2.2.6; Click's ICMPPingResponder)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from elements.ip.header cimport marked_payload, marked_whole_ip
from elements.ip.options cimport OPTION_AT_LENGTH, OPTION_AT_POINTER, OPTION_AT_ROUTE, find_source_route
from netos.checksum cimport checksum_data, checksum_ip, checksum_update16
from netos.element cimport Element
from netos.packet cimport (
    DROP_NO_BUFFER, DROP_NO_MATCH, TO_BROADCAST, TO_MULTICAST, Batch, Descriptor, packet_network,
    packet_set_destination, packet_writable,
)
from netos.proto.icmp cimport ICMP_AT_CHECKSUM, ICMP_AT_TYPE, ICMP_ECHO, ICMP_ECHO_REPLY, ICMP_HEADER_LENGTH
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_DESTINATION, IP_AT_SOURCE, IP_AT_TTL, IP_DEFAULT_TTL, IP_PROTOCOL_ICMP, ip_header_length,
    ip_is_fragment, ip_total_length,
)
from netos.wire cimport load32, load_be16, store32, store_be16

cdef enum:
    ALL_ZERO = 0xFFFF           # the checksum of nothing but zeros


cdef class ICMPPingResponder(Element):
    """Turn ICMP echo requests into replies: addresses change places, the destination annotation is set.

    All else leaves by output 1, or is dropped; so do fragments and what came as, or would go to, a broadcast. A source
    route is turned round.
    """

    ports = "1/1-2"
    processing = "a/ah"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if not is_request(packet):
                self.reject(packet, DROP_NO_MATCH)
            elif not packet_writable(self.vcpu, packet):
                self.drop(packet, DROP_NO_BUFFER)
            else:
                turn_round(packet)
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept


cdef inline bint is_host(uint8_t first) noexcept nogil:
    """Whether addresses with this first byte may be a host's."""
    return 0 < first < 224


cdef bint is_request(Descriptor *packet) noexcept nogil:
    cdef uint32_t length
    cdef const uint8_t *ip = marked_whole_ip(packet)
    cdef const uint8_t *icmp = marked_payload(packet, IP_PROTOCOL_ICMP, &length)
    return (icmp != NULL and length >= ICMP_HEADER_LENGTH and icmp[ICMP_AT_TYPE] == ICMP_ECHO
            and not ip_is_fragment(ip) and packet.packet_type not in (TO_BROADCAST, TO_MULTICAST)
            and is_host(ip[IP_AT_SOURCE]) and is_host(ip[IP_AT_DESTINATION]) and route_ends_here(ip))


cdef void turn_round(Descriptor *packet) noexcept nogil:
    """Make a reply of a request in a buffer of its own."""
    cdef uint8_t *ip = packet_network(packet)
    cdef uint32_t header_length = ip_header_length(ip)
    cdef uint8_t *icmp = ip + header_length
    cdef uint32_t source = load32(ip + IP_AT_SOURCE)
    cdef uint16_t check
    cdef uint8_t *route = <uint8_t *>find_source_route(ip)
    store32(ip + IP_AT_SOURCE, load32(ip + IP_AT_DESTINATION))
    store32(ip + IP_AT_DESTINATION, source)
    if route != NULL:
        turn_route(ip, route)
    packet_set_destination(packet, load32(ip + IP_AT_DESTINATION))
    ip[IP_AT_TTL] = IP_DEFAULT_TTL
    store_be16(ip + IP_AT_CHECKSUM, 0)
    store_be16(ip + IP_AT_CHECKSUM, checksum_ip(ip, header_length))
    icmp[ICMP_AT_TYPE] = ICMP_ECHO_REPLY
    check = checksum_update16(load_be16(icmp + ICMP_AT_CHECKSUM), ICMP_ECHO << 8, ICMP_ECHO_REPLY << 8)
    store_be16(icmp + ICMP_AT_CHECKSUM, check)
    if check == 0 and checksum_data(icmp, ip_total_length(ip) - header_length) == ALL_ZERO:
        store_be16(icmp + ICMP_AT_CHECKSUM, ALL_ZERO)   # RFC 1624 leaves out data that is all zero, as a reply may be


cdef bint route_ends_here(const uint8_t *ip) noexcept nogil:
    """Whether the packet has no source route, or all of it behind it."""
    cdef const uint8_t *route = find_source_route(ip)
    return route == NULL or (route[OPTION_AT_POINTER] == route[OPTION_AT_LENGTH] + 1
                             and (route[OPTION_AT_POINTER] & 3) == 0)


cdef void turn_route(uint8_t *ip, uint8_t *route) noexcept nogil:
    """The way back: to the last hop of the route first, then to those before it, at last to the sender."""
    cdef uint32_t hops = (route[OPTION_AT_LENGTH] - OPTION_AT_ROUTE) // 4
    cdef uint32_t sender = load32(ip + IP_AT_DESTINATION)
    cdef uint32_t way[10]
    cdef uint32_t i
    if hops == 0:
        return
    memcpy(way, route + OPTION_AT_ROUTE, 4 * hops)
    store32(ip + IP_AT_DESTINATION, way[hops - 1])
    for i in range(hops - 1):
        store32(route + OPTION_AT_ROUTE + 4 * i, way[hops - 2 - i])
    store32(route + OPTION_AT_ROUTE + 4 * (hops - 1), sender)
    route[OPTION_AT_POINTER] = 4
