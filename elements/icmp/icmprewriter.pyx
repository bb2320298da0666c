"""ICMPRewriter: rewrite ICMP errors about flows that others rewrote (Click's ICMPRewriter)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from elements.firewall.tracking cimport DESTINATION_END, SOURCE_END, Tracked, translate
from elements.ip.header cimport marked_whole_ip
from elements.tcpudp.rewriter cimport Rewriter
from netos.element cimport Element
from netos.kernel.clock cimport clock_peek
from netos.packet cimport (
    DROP_NO_BUFFER, DROP_NO_MAPPING, DROP_NOT_IP, Batch, Descriptor, Frame, packet_network_length,
    packet_set_destination, packet_writable,
)
from netos.proto.flow_track cimport READ_QUOTE, Reading, flow_read
from netos.proto.flows cimport NO_FLOW, Flows, flow_direction, flow_lookup, flow_of, tuple_invert
from netos.wire cimport htobe32
from netos.staging cimport emit, frame_enter

from netos.args import Annotation, Bool, ElementName, ListOf

cdef enum:
    MAPS_MAX = 16


cdef class ICMPRewriter(Element):
    """Rewrite each ICMP error that quotes a packet which one of MAPS has rewritten (IPRewriter, TCPRewriter,
    UDPRewriter, ICMPPingRewriter), so that it is about the packet as it was sent, and goes to who sent it.

    Other packets go to output 1, or are dropped as no-mapping if there is none. DST_ANNO (true) sets the destination
    annotation; REPLY_ANNO names a byte that becomes 1 for errors about packets of the flow, 0 for those about replies.
    """

    ports = "1/1-2"
    processing = "h/h"
    phase = 110                 # after the maps

    cdef list maps
    cdef void *tables[MAPS_MAX]
    cdef int count
    cdef bint sets_destination_annotation
    cdef int reply_annotation

    def configure(self, maps: ListOf(ElementName("Rewriter")), *, dst_anno: Bool = True,
                  reply_anno: Annotation(1) = None):
        self.maps = list(maps[:MAPS_MAX])
        self.sets_destination_annotation = dst_anno
        self.reply_annotation = -1 if reply_anno is None else reply_anno.offset

    def initialize(self):
        self.count = 0
        for rewriter in self.maps:
            self.tables[self.count] = <void *>&(<Rewriter>rewriter).table.flows
            self.count += 1

    cdef int rewrite(self, Descriptor *packet, int64_t now) noexcept nogil:
        """Rewrite an error; the output it goes to, or -DROP_…"""
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef Flows *flows
        cdef Reading reading
        cdef Tracked tracked
        cdef int i
        if ip == NULL:
            return -DROP_NOT_IP
        for i in range(self.count):
            flows = <Flows *>self.tables[i]
            if flow_read(flows, ip, packet_network_length(packet), &reading) != READ_QUOTE:
                break
            reading.reference = flow_lookup(flows, &reading.key, reading.hashed, now)
            if reading.reference == NO_FLOW:
                continue
            if not packet_writable(self.vcpu, packet):
                return -DROP_NO_BUFFER
            tracked.connection = flow_of(flows, reading.reference)
            tracked.direction, tracked.kind = flow_direction(reading.reference), READ_QUOTE
            tracked.now = reading.key
            tuple_invert(&tracked.connection.tuples[1 - tracked.direction], &tracked.wanted)
            translate(packet, marked_whole_ip(packet), &tracked, SOURCE_END | DESTINATION_END)
            if self.sets_destination_annotation:
                packet_set_destination(packet, htobe32(tracked.wanted.destination))
            if self.reply_annotation >= 0:
                packet.annotations[self.reply_annotation] = <uint8_t>tracked.direction
            return 0
        return 1 if self.n_outputs > 1 else -DROP_NO_MAPPING

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            frame.output[i] = self.rewrite(batch.packets[i], now)
        emit(self, frame, batch)
