"""Network address translation on ConnTrack's table: one end of each packet (RFC 3022, RFC 4787, RFC 5382)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from elements.firewall.tracking cimport DESTINATION_END, Tracked, find_tracked, needs_translation, translate
from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element
from netos.kernel.clock cimport clock_peek
from netos.packet cimport (
    ANNO_FLOW_STATE, DROP_INVALID_FLOW, DROP_NO_BUFFER, DROP_NO_MAPPING, Batch, Descriptor, packet_network_length,
    packet_set_destination, packet_writable,
)
from netos.proto.flow_track cimport READ_PACKET, flow_read_transport
from netos.proto.flows cimport FLOW_NEW, Connection, Flows, Tuple, flow_hash, flow_map
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP
from netos.wire cimport htobe32


cdef bint map_source(Flows *flows, Connection *connection, uint32_t address, Ports ports, bint keep,
                     uint32_t *following, int64_t now) noexcept nogil:
    """Let the connection's packets leave from an address and a port of a range (its own, if `keep` and it is free).

    Ports follow `following`, if that is not NULL, else some number nobody can guess. 0: none is free.
    """
    cdef Tuple reply = connection.tuples[1]
    cdef uint32_t span = ports.last - ports.first + 1
    cdef uint32_t at, tries
    reply.destination = address
    if reply.protocol not in (IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP):
        return flow_map(flows, connection, &reply, now)
    if reply.protocol == IP_PROTOCOL_ICMP:
        ports.first, ports.last = ports.first_identifier, ports.last_identifier
        span = ports.last - ports.first + 1
    if keep and ports.first <= reply.destination_port <= ports.last and flow_map(flows, connection, &reply, now):
        return 1
    at = following[0] if following != NULL else <uint32_t>(flow_hash(flows, &connection.tuples[0]) >> 16)
    for tries in range(min(span, <uint32_t>TRIES)):
        reply.destination_port = <uint16_t>(ports.first + (at + tries) % span)
        if reply.protocol == IP_PROTOCOL_ICMP:
            reply.source_port = reply.destination_port      # an identifier has no ends
        if flow_map(flows, connection, &reply, now):
            if following != NULL:
                following[0] = (at + tries + 1) % span
            return 1
    return 0


cdef class Translator(Element):
    """Translate one end of packets that a ConnTrack has seen, as their connections say."""

    handlers = ("count", "mappings", "exhausted")

    @property
    def flow_table(self):
        """The table of the ConnTrack, for `netos flows`."""
        return self.tracker.table

    cdef bint begin(self, Flows *flows, Tracked *tracked, int64_t now) noexcept nogil:
        """A connection's first packets: map it, if that is to be, and not yet done. 0 if it cannot be."""
        return 1

    cdef bint stray(self, const Tuple *key) noexcept nogil:
        """Whether a packet without connection must not pass."""
        return 0

    cdef bint one(self, Descriptor *packet, int64_t now) noexcept nogil:
        """Translate a packet; 0 if it is gone."""
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef Flows *flows = &self.tracker.table.flows
        cdef Tracked tracked
        cdef Tuple key
        if ip == NULL:
            return 1
        if not find_tracked(flows, packet, ip, &tracked):
            flow_read_transport(ip, packet_network_length(packet), &key)
            if self.stray(&key):
                self.reject(packet, DROP_INVALID_FLOW)
                return 0
            return 1
        if packet.annotations[ANNO_FLOW_STATE] == FLOW_NEW and tracked.direction == 0 and tracked.kind == READ_PACKET:
            if not self.begin(flows, &tracked, now):
                self.exhausted += 1
                self.reject(packet, DROP_NO_MAPPING)
                return 0
            find_tracked(flows, packet, ip, &tracked)
        if not needs_translation(&tracked, self.ends):
            return 1
        if not packet_writable(self.vcpu, packet):
            self.drop(packet, DROP_NO_BUFFER)
            return 0
        ip = marked_whole_ip(packet)
        translate(packet, ip, &tracked, self.ends)
        if self.ends & DESTINATION_END:
            packet_set_destination(packet, htobe32(tracked.wanted.destination))
        self.count += 1
        return 1

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            packet = batch.packets[i]
            if self.one(packet, now):
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept
