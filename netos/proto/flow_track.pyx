"""From an IPv4 packet to its connection, and what it is to that: new, established, related or invalid."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from netos.proto.flow_tcp cimport SEGMENT_AGAIN, SEGMENT_INVALID, tcp_begin, tcp_first_state, tcp_follow
from netos.proto.flows cimport (
    FAMILY_IPV4, FLOW_ASSURED, FLOW_CONFIRMED, FLOW_ESTABLISHED, FLOW_FREE, FLOW_HALF_OPEN, FLOW_INVALID, FLOW_NEW,
    FLOW_REFUSED, FLOW_RELATED, FLOW_REPLIED, ICMP_QUERY, NO_FLOW, OTHER_STREAM, OTHER_UNREPLIED, TCP_SYN_SENT,
    UDP_STREAM, UDP_UNREPLIED, Connection, Flows, Tuple, flow_confirm, flow_create, flow_direction, flow_end,
    flow_enter, flow_hash, flow_lookup, flow_of, flows_half_open_full, flows_spare_half_open, icmp_answer, tuple_equal,
    tuple_invert,
)
from netos.proto.icmp cimport ICMP_AT_DATA, ICMP_AT_TYPE, ICMP_HEADER_LENGTH, icmp_identifier, icmp_is_error
from netos.proto.ipv4 cimport (
    IP_AT_PROTOCOL, IP_HEADER_LENGTH, IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_destination,
    ip_header_length, ip_is_first_fragment, ip_source, ip_total_length,
)
from netos.proto.tcp cimport TCP_HEADER_LENGTH, tcp_header_length
from netos.wire cimport load_be16

cdef enum:
    REQUESTS = 1 << 8 | 1 << 13 | 1 << 15 | 1 << 17     # ICMP types that ask, as bits


cdef int flow_read_transport(const uint8_t *ip, uint32_t length, Tuple *key) noexcept nogil:
    """The tuple of a datagram of which `length` bytes are there (of a quoted one perhaps 28); 0 if it has none."""
    cdef uint32_t header = ip_header_length(ip)
    cdef const uint8_t *transport = ip + header
    memset(key, 0, sizeof(Tuple))
    if header < IP_HEADER_LENGTH or length < header or not ip_is_first_fragment(ip):
        return 0
    key.source, key.destination = ip_source(ip), ip_destination(ip)
    key.protocol = ip[IP_AT_PROTOCOL]
    key.family = FAMILY_IPV4
    if key.protocol == IP_PROTOCOL_TCP or key.protocol == IP_PROTOCOL_UDP:
        if length < header + 8:
            return 0
        key.source_port, key.destination_port = load_be16(transport), load_be16(transport + 2)
    elif key.protocol == IP_PROTOCOL_ICMP:
        if length < header + ICMP_HEADER_LENGTH:
            return 0
        key.kind = transport[ICMP_AT_TYPE]
        if icmp_answer(key.kind) != key.kind:
            key.source_port = key.destination_port = icmp_identifier(transport)
    return 1


cdef int flow_read(const Flows *flows, const uint8_t *ip, uint32_t length, Reading *reading) noexcept nogil:
    """Read a packet whose IP header (its twenty bytes are there) has `length` bytes from its start on; READ_…"""
    cdef uint32_t header = ip_header_length(ip)
    cdef uint32_t total = min(length, ip_total_length(ip))
    cdef Tuple quoted
    reading.reference = reading.candidate = NO_FLOW
    reading.kind = READ_NOTHING
    reading.hashed = 0
    if not flow_read_transport(ip, total, &reading.key):
        return READ_NOTHING
    reading.payload = total - header
    if reading.key.protocol == IP_PROTOCOL_TCP and (
            reading.payload < TCP_HEADER_LENGTH or tcp_header_length(ip + header) < TCP_HEADER_LENGTH
            or tcp_header_length(ip + header) > reading.payload):
        return READ_NOTHING
    if reading.key.protocol == IP_PROTOCOL_ICMP and icmp_is_error(reading.key.kind):
        if reading.payload < ICMP_AT_DATA + IP_HEADER_LENGTH:
            return READ_NOTHING
        if not flow_read_transport(ip + header + ICMP_AT_DATA, reading.payload - ICMP_AT_DATA, &quoted):
            return READ_NOTHING
        if not tuple_invert(&quoted, &reading.key):
            return READ_NOTHING
        reading.kind = READ_QUOTE
    else:
        reading.kind = READ_PACKET
    reading.hashed = flow_hash(flows, &reading.key)
    return reading.kind


cdef int begin(Flows *flows, const uint8_t *ip, Reading *reading, int64_t now) noexcept nogil:
    """A packet whose tuple is not known: the start of a connection, perhaps."""
    cdef const uint8_t *transport = ip + ip_header_length(ip)
    cdef uint8_t state
    cdef Tuple reply
    cdef Connection *connection
    if reading.key.protocol == IP_PROTOCOL_TCP:
        state = tcp_first_state(flows, transport)
    elif reading.key.protocol == IP_PROTOCOL_UDP:
        state = UDP_UNREPLIED
    elif reading.key.protocol == IP_PROTOCOL_ICMP:
        state = ICMP_QUERY if reading.key.kind < 32 and <uint32_t>1 << reading.key.kind & REQUESTS else FLOW_FREE
    else:
        state = OTHER_UNREPLIED
    if state == FLOW_FREE or not tuple_invert(&reading.key, &reply):
        return FLOW_INVALID
    if state == TCP_SYN_SENT:
        if flows_half_open_full(flows, reading.key.destination):
            flows.half_open_refused += 1
            return FLOW_HALF_OPEN
        if not flows_spare_half_open(flows, now):
            return FLOW_HALF_OPEN
    reading.reference = flow_create(flows, &reading.key, &reply, reading.hashed, state, now)
    if reading.reference == NO_FLOW:
        return FLOW_REFUSED
    connection = flow_of(flows, reading.reference)
    if reading.key.protocol == IP_PROTOCOL_TCP:
        tcp_begin(connection, transport, reading.payload)
    if not flows.confirming:
        flow_confirm(flows, connection, now)
    connection.packets[0] = 1
    connection.bytes[0] = ip_total_length(ip)
    return FLOW_NEW


cdef int follow(Flows *flows, const uint8_t *ip, Reading *reading, Connection *connection, int direction,
                int64_t now) noexcept nogil:
    """A packet of a connection that is there; FLOW_REFUSED means that it begins another one."""
    cdef uint8_t state = connection.state
    cdef int verdict
    if reading.key.protocol == IP_PROTOCOL_TCP:
        verdict = tcp_follow(flows, connection, direction, ip + ip_header_length(ip), reading.payload, now)
        if verdict == SEGMENT_AGAIN:
            return FLOW_REFUSED
        if verdict == SEGMENT_INVALID:
            return FLOW_INVALID
    else:
        if state == UDP_UNREPLIED or state == OTHER_UNREPLIED:
            if direction:
                state = UDP_STREAM if state == UDP_UNREPLIED else OTHER_STREAM
        elif connection.flags & FLOW_REPLIED and not direction and state != ICMP_QUERY:
            connection.flags |= FLOW_ASSURED    # both have spoken, and the first one goes on
        flow_enter(flows, connection, state, now)
    if direction:
        connection.flags |= FLOW_REPLIED
    connection.packets[direction] += 1
    connection.bytes[direction] += ip_total_length(ip)
    return FLOW_ESTABLISHED if connection.flags & FLOW_REPLIED else FLOW_NEW


cdef bint is_candidate(const Flows *flows, const Reading *reading, int64_t now) noexcept nogil:
    """Whether the guess was right, and still is: packets of the same batch may have changed the table since."""
    cdef Connection *connection
    if reading.candidate == NO_FLOW:
        return 0
    connection = flow_of(flows, reading.candidate)
    return (connection.state != FLOW_FREE and connection.expires > now
            and tuple_equal(&connection.tuples[flow_direction(reading.candidate)], &reading.key))


cdef int flow_track(Flows *flows, const uint8_t *ip, Reading *reading, int64_t now) noexcept nogil:
    """Find the connection of a packet that was read, or make it; says which FLOW_… the packet is."""
    cdef Connection *connection
    cdef int direction, verdict
    if reading.kind == READ_NOTHING:
        return FLOW_INVALID
    reading.reference = reading.candidate
    if not is_candidate(flows, reading, now):
        reading.reference = flow_lookup(flows, &reading.key, reading.hashed, now)
    if reading.reference != NO_FLOW:
        connection = flow_of(flows, reading.reference)
        direction = flow_direction(reading.reference)
        if reading.kind == READ_QUOTE:
            if connection.flags & FLOW_CONFIRMED:
                return FLOW_RELATED
            reading.reference = NO_FLOW     # the answer of somebody who was not asked cannot have been lost
            return FLOW_INVALID
        if not direction or connection.flags & FLOW_CONFIRMED:
            verdict = follow(flows, ip, reading, connection, direction, now)
            if verdict != FLOW_REFUSED:
                return verdict
        flow_end(flows, connection)     # it has ended; or nobody let it begin, and this is no answer to it
        reading.reference = NO_FLOW
    elif reading.kind == READ_QUOTE:
        return FLOW_INVALID
    return begin(flows, ip, reading, now)
