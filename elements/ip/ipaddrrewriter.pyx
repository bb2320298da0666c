"""IPAddrRewriter: rewrite source addresses, and destination addresses back (Click's IPAddrRewriter)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from elements.tcpudp.rewriter cimport Rewriter
from netos.packet cimport Descriptor
from netos.proto.flow_track cimport READ_PACKET, Reading
from netos.proto.flows cimport FAMILY_IPV4, NO_FLOW, Tuple, flow_direction, flow_hash, flow_lookup
from netos.proto.ipv4 cimport ip_destination, ip_source

from netos.args import Alias, Annotation, Bool, Deprecated, Remaining, Seconds, Unsigned
from netos.args.units import SECOND
from netos.errors import ArgumentError


cdef class IPAddrRewriter(Rewriter):
    """Map source addresses, whatever they talk to: each gets one of the pattern's addresses for itself.

    INPUTSPEC as IPRewriter's, but only SADDR of a pattern can be set. A packet whose destination is a mapped address
    is a reply.
    Handlers: table, mappings, count (read).
    """

    ports = "1-/1-"
    processing = "h/h"

    def configure(self, *spec: Remaining, timeout: Seconds = 7200 * SECOND,
                  guarantee: Seconds = None, reap_interval: Seconds = None,
                  reap_time: Deprecated(Seconds, "use REAP_INTERVAL") = None,
                  capacity: Alias(Unsigned(minimum=1, maximum=1 << 28), "MAPPING_CAPACITY") = 65536,
                  dst_anno: Bool = True, reply_anno: Annotation(1) = None):
        self.set_up(spec, capacity, dst_anno, reply_anno, {
            "other-unreplied": timeout, "other-stream": timeout, "unconfirmed": timeout})
        for i in range(self.rule_count):
            if (self.rules[i].sets_ports or self.rules[i].sets_destination or self.rules[i].sets_destination_port):
                raise ArgumentError("only the source address can be rewritten: pattern SADDR - - - FOUTPUT ROUTPUT")

    cdef bint read(self, Descriptor *packet, const uint8_t *ip, Reading *reading) noexcept nogil:
        """The flow is the source address; `find` looks for the destination, too."""
        memset(&reading.key, 0, sizeof(Tuple))
        reading.key.family = FAMILY_IPV4
        reading.key.source = ip_source(ip)
        reading.payload = ip_destination(ip)
        reading.kind = READ_PACKET
        return 1

    cdef int find(self, Reading *reading, int64_t now) noexcept nogil:
        cdef uint32_t source = reading.key.source
        reading.hashed = flow_hash(&self.table.flows, &reading.key)
        reading.reference = flow_lookup(&self.table.flows, &reading.key, reading.hashed, now)
        if reading.reference != NO_FLOW:
            return 1
        reading.key.source, reading.key.destination = 0, reading.payload
        reading.reference = flow_lookup(&self.table.flows, &reading.key, flow_hash(&self.table.flows, &reading.key),
                                        now)
        if reading.reference != NO_FLOW and flow_direction(reading.reference) == 1:
            return 1
        reading.key.source, reading.key.destination = source, 0
        return 0
