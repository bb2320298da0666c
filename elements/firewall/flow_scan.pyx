"""Going through a flow table a part at a time: counting, copying out or forgetting the connections that a filter wants.

A filter is a program of IPFilter's language (flow_filter.py) that is asked about the packet that began a connection:
its headers as they came where a packet has them, and as they left, translated, where a frame has its MAC header.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from elements.standard.classification cimport Program, program_match
from netos.packet cimport ANNOTATIONS, ANNO_FLOW_STATE, ANNO_PAINT
from netos.proto.flow_table cimport FlowTable, connection_row
from netos.proto.flows cimport (
    FLOW_ESTABLISHED, FLOW_FREE, FLOW_NEW, FLOW_REPLIED, Connection, Tuple, flow_end, tuple_invert,
)
from netos.proto.icmp cimport ICMP_ECHO
from netos.proto.ipv4 cimport (
    IP_DEFAULT_TTL, IP_HEADER_LENGTH, IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_write,
)
from netos.proto.tcp cimport TCP_AT_DATA_OFFSET, TCP_AT_FLAGS, TCP_HEADER_LENGTH, TCP_SYN
from netos.wire cimport store_be16

from netos.proto.flow_table import STATES

cdef enum:
    HEADERS = IP_HEADER_LENGTH + TCP_HEADER_LENGTH
    TRANSLATED_TRANSPORT = 64       # where flow_filter.py looks for the transport header of the translated packet
    AREA = TRANSLATED_TRANSPORT + TCP_HEADER_LENGTH
    UDP_HEADER = 8


cdef void write_headers(const Tuple *key, uint8_t *ip, uint8_t *transport) noexcept nogil:
    """The headers of a connection's first packet, as far as a tuple tells: a SYN, an empty datagram, a query."""
    cdef uint32_t payload = UDP_HEADER if key.protocol == IP_PROTOCOL_UDP else TCP_HEADER_LENGTH
    memset(transport, 0, TCP_HEADER_LENGTH)
    ip_write(ip, IP_HEADER_LENGTH + payload, key.protocol, key.source, key.destination, IP_DEFAULT_TTL, 0, 0)
    if key.protocol == IP_PROTOCOL_TCP or key.protocol == IP_PROTOCOL_UDP:
        store_be16(transport, key.source_port)
        store_be16(transport + 2, key.destination_port)
        if key.protocol == IP_PROTOCOL_UDP:
            store_be16(transport + 4, UDP_HEADER)
        else:
            transport[TCP_AT_DATA_OFFSET] = TCP_HEADER_LENGTH >> 2 << 4
            transport[TCP_AT_FLAGS] = TCP_SYN
    elif key.protocol == IP_PROTOCOL_ICMP:
        transport[0] = key.kind
        store_be16(transport + 4, key.source_port)


def first_packet(key, kind=ICMP_ECHO):
    """The first forty bytes of the packet that begins a connection with a tuple (as FlowTable.rows has it)."""
    cdef uint8_t packet[HEADERS]
    cdef Tuple wanted
    memset(&wanted, 0, sizeof(Tuple))
    wanted.protocol, wanted.source, wanted.source_port, wanted.destination, wanted.destination_port = key
    wanted.kind = kind
    write_headers(&wanted, packet, packet + IP_HEADER_LENGTH)
    return packet[:HEADERS]


def annotations(state=FLOW_NEW, paint=0):
    """A packet's annotations with a connection state and a colour."""
    cdef uint8_t area[ANNOTATIONS]
    memset(area, 0, ANNOTATIONS)
    area[ANNO_FLOW_STATE], area[ANNO_PAINT] = state, paint
    return area[:ANNOTATIONS]


cdef bint wanted_by(Program program, const Connection *connection) noexcept nogil:
    """Whether the filter wants a connection."""
    cdef uint8_t packet[HEADERS]
    cdef uint8_t translated[AREA]
    cdef uint8_t area[ANNOTATIONS]
    cdef Tuple after
    memset(area, 0, ANNOTATIONS)
    area[ANNO_FLOW_STATE] = FLOW_ESTABLISHED if connection.flags & FLOW_REPLIED else FLOW_NEW
    area[ANNO_PAINT] = <uint8_t>(connection.mark - 1) if connection.mark else 0
    write_headers(&connection.tuples[0], packet, packet + IP_HEADER_LENGTH)
    tuple_invert(&connection.tuples[1], &after)
    memset(translated, 0, AREA)
    write_headers(&after, translated, translated + TRANSLATED_TRANSPORT)
    return program_match(&program.data, translated, AREA, packet, HEADERS, packet + IP_HEADER_LENGTH,
                         TCP_HEADER_LENGTH, area) == 0


def scan(FlowTable table not None, int64_t now, *, Program program=None, states=None, uint32_t start=0,
         uint32_t slots=0xFFFFFFFF, uint32_t limit=0, bint kill=False):
    """Look at up to `slots` places of a table from `start` on: (connections wanted, copies of them, where to go on).

    Wanted is what has not expired, is in one of the states, if they are named, and passes the program. At most `limit`
    are copied, for `rows` (then the scan ends early; 0 copies none); with `kill` they are forgotten. The place to go on
    is None at the table's end.
    """
    cdef uint64_t chosen = ~<uint64_t>0
    cdef uint32_t number = start
    cdef uint32_t end = <uint32_t>min(<uint64_t>table.flows.touched, <uint64_t>start + slots)
    cdef uint32_t found = 0
    cdef Connection *connection
    cdef bytearray copies = bytearray(min(limit, max(end, start) - start) * sizeof(Connection))
    cdef uint8_t *into = copies
    if states is not None:
        chosen = sum(1 << STATES.index(state) for state in set(states))
    with nogil:
        while number < end:
            connection = &table.flows.connections[number]
            number += 1
            if connection.state == FLOW_FREE or connection.expires <= now or not chosen >> connection.state & 1:
                continue
            if <void *>program != <void *>None and not wanted_by(program, connection):
                continue
            if limit:
                memcpy(into + found * sizeof(Connection), connection, sizeof(Connection))
            found += 1
            if kill:
                table.flows.killed += 1
                flow_end(&table.flows, connection)
            if found == limit:
                break
    del copies[found * sizeof(Connection) if limit else 0:]
    return found, bytes(copies), number if number < table.flows.touched else None


def rows(const uint8_t[::1] copies, int64_t now):
    """What `scan` copied, as FlowTable.rows has it."""
    cdef Connection connection
    cdef Py_ssize_t at
    found = []
    for at in range(0, copies.shape[0], sizeof(Connection)):
        memcpy(&connection, &copies[at], sizeof(Connection))
        found.append(connection_row(&connection, now))
    return found
