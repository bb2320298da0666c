"""IPFilter: a packet filter of rules, first match wins (Click's IPFilter)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.standard.classification cimport program_match
from netos.element cimport Element
from netos.packet cimport (
    DROP_FILTERED, NO_HEADER, Batch, Descriptor, Frame, packet_mac, packet_network, packet_network_length,
    packet_transport, packet_transport_length,
)
from netos.staging cimport emit, frame_enter

from elements.ip.filter_compile import compile_ip_filter
from netos.args import Remaining
from netos.handlers import read_handler


cdef class IPFilter(Element):
    """Send each IP packet where the first rule it matches says: `ACTION PATTERN`, with ACTION allow (output 0), drop or
    deny, or the number of an output; what matches no rule is dropped. `netos explain IPClassifier` gives the patterns.

    Packets need a network header (CheckIPHeader, MarkIPHeader).
    Handler: program (read), the compiled decision tree.
    """

    ports = "1/-"
    processing = "h/h"
    live_reconfigure = True

    def configure(self, *rule: Remaining):
        scope = self.router.scope(self.name)
        self.compiled = compile_ip_filter(rule, outputs=self.n_outputs, resolve=scope.database,
                                          warn=lambda problem: scope.warn(problem.error()))

    def decide(self, packet, annotations):
        """The output for a packet, given its headers from the start of the IP header, twenty bytes, on; None: dropped.

        `netos reload --kill-states` asks.
        """
        return self.compiled.match_headers(packet, 0, 20, annotations=annotations)

    @read_handler
    def program(self):
        """The decision tree, a line each step; offsets count from 0 for the MAC header, 256 IP, 512 transport."""
        return self.compiled.text()

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i, mac_length, network_length, transport_length
        cdef int output
        cdef Descriptor *packet
        cdef uint8_t *mac
        cdef uint8_t *end
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            packet = batch.packets[i]
            end = packet.data + packet.length
            mac = packet_mac(packet)
            mac_length = network_length = transport_length = 0
            if packet.mac_header != NO_HEADER and mac < end:
                mac_length = <uint32_t>(end - mac)
            if packet.network_header != NO_HEADER and packet_network(packet) < end:
                network_length = packet_network_length(packet)
            if packet.transport_header != NO_HEADER and packet_transport(packet) < end:
                transport_length = packet_transport_length(packet)
            output = program_match(&self.compiled.data, mac, mac_length, packet_network(packet), network_length,
                                   packet_transport(packet), transport_length, packet.annotations)
            frame.output[i] = output if output >= 0 else -DROP_FILTERED
        emit(self, frame, batch)
