"""Translation of addresses and ports, ICMP errors outside and inside, checksums mended (RFC 3022, RFC 5508)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from netos.checksum cimport checksum_update32
from netos.offload cimport ADJUST_PSEUDO, ADJUST_UDP, checksum_adjust16, checksum_adjust32
from netos.packet cimport Descriptor, packet_network_length
from netos.proto.flow_track cimport READ_NOTHING, READ_QUOTE, Reading, flow_read
from netos.proto.flows cimport (
    FLOW_FREE, NO_FLOW, Connection, Flows, Tuple, flow_direction, flow_of, tuple_equal, tuple_invert,
)
from netos.proto.icmp cimport ICMP_AT_CHECKSUM, ICMP_AT_DATA, ICMP_AT_IDENTIFIER
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_DESTINATION, IP_AT_PROTOCOL, IP_AT_SOURCE, IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP,
    ip_destination, ip_header_length, ip_source, ip_total_length,
)
from netos.proto.tcp cimport TCP_AT_CHECKSUM
from netos.proto.udp cimport UDP_AT_CHECKSUM
from netos.wire cimport load_be16, load_be32, store_be16, store_be32


cdef bint find_tracked(Flows *flows, Descriptor *packet, const uint8_t *ip, Tracked *tracked) noexcept nogil:
    """Find the connection that the packet's annotation names; 0 if it names none, or not that of this packet.

    The packet may have waited while its connection ended and another took its place: each end of it must be as the
    connection's packets are, translated or not.
    """
    cdef uint32_t reference = flow_reference(packet)
    cdef Reading reading
    cdef Connection *connection
    cdef const Tuple *before
    if reference == NO_FLOW or (reference - 1) >> 1 >= flows.touched:
        return 0
    connection = flow_of(flows, reference)
    tracked.connection = connection
    tracked.direction = flow_direction(reference)
    if connection.state == FLOW_FREE:
        return 0
    tracked.kind = flow_read(flows, ip, packet_network_length(packet), &reading)
    if tracked.kind == READ_NOTHING:
        return 0
    tracked.now = reading.key
    before = &connection.tuples[tracked.direction]
    tuple_invert(&connection.tuples[1 - tracked.direction], &tracked.wanted)
    return (tracked.now.protocol == before.protocol and tracked.now.kind == before.kind
            and (same_source(&tracked.now, before) or same_source(&tracked.now, &tracked.wanted))
            and (same_destination(&tracked.now, before) or same_destination(&tracked.now, &tracked.wanted)))


cdef bint same_source(const Tuple *one, const Tuple *other) noexcept nogil:
    return one.source == other.source and (one.source_port == other.source_port or one.protocol == IP_PROTOCOL_ICMP)


cdef bint same_destination(const Tuple *one, const Tuple *other) noexcept nogil:
    return one.destination == other.destination and (one.destination_port == other.destination_port
                                                     or one.protocol == IP_PROTOCOL_ICMP)


cdef bint needs_translation(Tracked *tracked, int ends) noexcept nogil:
    """Whether `translate` would change anything."""
    if ends == SOURCE_END | DESTINATION_END:
        return not tuple_equal(&tracked.now, &tracked.wanted)
    if ends & SOURCE_END:
        return (tracked.now.source != tracked.wanted.source
                or tracked.now.source_port != tracked.wanted.source_port)
    return (tracked.now.destination != tracked.wanted.destination
            or tracked.now.destination_port != tracked.wanted.destination_port)


cdef uint8_t *transport_checksum(uint8_t *ip, uint32_t room) noexcept nogil:
    """The checksum of TCP, UDP or ICMP among `room` bytes from the transport header on; NULL."""
    cdef uint8_t *transport = ip + ip_header_length(ip)
    cdef uint8_t protocol = ip[IP_AT_PROTOCOL]
    cdef uint32_t at
    if protocol == IP_PROTOCOL_TCP:
        at = TCP_AT_CHECKSUM
    elif protocol == IP_PROTOCOL_UDP:
        at = UDP_AT_CHECKSUM
    elif protocol == IP_PROTOCOL_ICMP:
        at = ICMP_AT_CHECKSUM
    else:
        return NULL
    return transport + at if at + 2 <= room else NULL


cdef void replace_address(Descriptor *packet, uint8_t *ip, uint32_t field, uint32_t address,
                          uint8_t *check) noexcept nogil:
    """Write an address, with the header's checksum and that of the transport header at `check`, if there is one."""
    cdef uint32_t old = load_be32(ip + field)
    store_be16(ip + IP_AT_CHECKSUM, checksum_update32(load_be16(ip + IP_AT_CHECKSUM), old, address))
    store_be32(ip + field, address)
    if check != NULL and ip[IP_AT_PROTOCOL] != IP_PROTOCOL_ICMP:
        checksum_adjust32(packet, check, old, address,
                          ADJUST_PSEUDO | (ADJUST_UDP if ip[IP_AT_PROTOCOL] == IP_PROTOCOL_UDP else 0))


cdef void replace_port(Descriptor *packet, uint8_t *ip, bint destination, uint16_t port,
                       uint8_t *check) noexcept nogil:
    """Write a port, or an ICMP query's identifier."""
    cdef uint8_t *at = ip + ip_header_length(ip)
    cdef uint8_t protocol = ip[IP_AT_PROTOCOL]
    cdef uint16_t old
    if protocol == IP_PROTOCOL_ICMP:
        at += ICMP_AT_IDENTIFIER
    elif protocol == IP_PROTOCOL_TCP or protocol == IP_PROTOCOL_UDP:
        at += 2 if destination else 0
    else:
        return
    old = load_be16(at)
    store_be16(at, port)
    if check != NULL:
        checksum_adjust16(packet, check, old, port, ADJUST_UDP if protocol == IP_PROTOCOL_UDP else 0)


cdef void replace_ends(Descriptor *packet, uint8_t *ip, const Tuple *now, const Tuple *wanted, int ends,
                       uint8_t *check) noexcept nogil:
    if ends & SOURCE_END:
        if now.source != wanted.source:
            replace_address(packet, ip, IP_AT_SOURCE, wanted.source, check)
        if now.source_port != wanted.source_port:
            replace_port(packet, ip, 0, wanted.source_port, check)
    if ends & DESTINATION_END:
        if now.destination != wanted.destination:
            replace_address(packet, ip, IP_AT_DESTINATION, wanted.destination, check)
        if now.destination_port != wanted.destination_port and not (
                ends & SOURCE_END and now.protocol == IP_PROTOCOL_ICMP):
            replace_port(packet, ip, 1, wanted.destination_port, check)


cdef uint32_t sum_words(const uint8_t *data, uint32_t length) noexcept nogil:
    cdef uint32_t total = 0
    cdef uint32_t i
    for i in range(0, length & ~<uint32_t>1, 2):
        total += load_be16(data + i)
    return total


cdef void translate_quote(Descriptor *packet, uint8_t *ip, Tracked *tracked, int ends) noexcept nogil:
    """An ICMP error: the datagram it quotes travelled the other way, so its ends are the error's, exchanged."""
    cdef uint8_t *icmp = ip + ip_header_length(ip)
    cdef uint8_t *quoted = icmp + ICMP_AT_DATA
    cdef uint32_t room = <uint32_t>(min(ip_total_length(ip), packet_network_length(packet))) - ip_header_length(ip) \
        - ICMP_AT_DATA
    cdef uint32_t headers = min(room, ip_header_length(quoted) + 20) & ~<uint32_t>1
    cdef uint32_t before = sum_words(quoted, headers)
    cdef uint32_t after
    cdef Tuple inner, inner_wanted
    cdef int inner_ends = 0
    tuple_invert(&tracked.now, &inner)
    tuple_invert(&tracked.wanted, &inner_wanted)
    if ends & DESTINATION_END:
        inner_ends |= SOURCE_END
        if ip_destination(ip) == tracked.now.destination:
            replace_address(packet, ip, IP_AT_DESTINATION, tracked.wanted.destination, NULL)
    if ends & SOURCE_END:
        inner_ends |= DESTINATION_END
        if ip_source(ip) == tracked.now.source:     # it comes from the other end, not from a router on the way
            replace_address(packet, ip, IP_AT_SOURCE, tracked.wanted.source, NULL)
    replace_ends(packet, quoted, &inner, &inner_wanted, inner_ends,
                 transport_checksum(quoted, room - ip_header_length(quoted)))
    after = sum_words(quoted, headers)
    store_be16(icmp + ICMP_AT_CHECKSUM, checksum_update32(load_be16(icmp + ICMP_AT_CHECKSUM), before, after))


cdef void translate(Descriptor *packet, uint8_t *ip, Tracked *tracked, int ends) noexcept nogil:
    """Let these ends of a writable packet be what they are wanted to be."""
    cdef uint8_t *check
    if tracked.kind == READ_QUOTE:
        translate_quote(packet, ip, tracked, ends)
    else:
        check = transport_checksum(ip, packet_network_length(packet) - ip_header_length(ip))
        replace_ends(packet, ip, &tracked.now, &tracked.wanted, ends, check)
    if ends & SOURCE_END:
        tracked.now.source, tracked.now.source_port = tracked.wanted.source, tracked.wanted.source_port
    if ends & DESTINATION_END:
        tracked.now.destination = tracked.wanted.destination
        tracked.now.destination_port = tracked.wanted.destination_port
