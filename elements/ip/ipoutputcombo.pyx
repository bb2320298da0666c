"""IPOutputCombo: the end of an IP router in one element (Click's IPOutputCombo)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.ipgwoptions cimport IPGWOptions
from elements.ip.rewrite cimport source_replace, ttl_decrement, ttl_expires
from netos.element cimport port_push
from netos.offload cimport Segments, segments_begin
from netos.packet cimport (
    ANNO_FIX_IP_SOURCE, ANNO_PAINT, BATCH_MAX, DROP_BAD_OPTION, DROP_BROADCAST, DROP_NO_BUFFER, TO_BROADCAST,
    TO_MULTICAST, Batch, Descriptor, Frame, packet_clone, packet_network, packet_writable,
)
from netos.staging cimport emit, frame_enter

from netos.args import Byte, IPv4, Integer

cdef enum:
    GOOD, SAME_LINK, BAD_OPTIONS, EXPIRED, TOO_LONG         # the outputs


cdef class IPOutputCombo(IPGWOptions):
    """DropBroadcasts, PaintTee(COLOR), IPGWOptions(IPADDR), FixIPSrc(IPADDR), DecIPTTL and CheckLength(MTU).

    Output 1 has copies of packets painted COLOR, 2 those with bad options, 3 the expired, 4 those longer than MTU.
    A segmentation packet is as long as its segments.
    """

    ports = "1/5"
    processing = "h/h"

    cdef uint8_t color
    cdef uint32_t mtu

    def configure(self, color: Byte, ipaddr: IPv4, mtu: Integer(minimum=0, maximum=65535)):
        IPGWOptions.configure(self, ipaddr)
        self.color, self.mtu = color, mtu

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *packet
        cdef Descriptor *copy
        cdef Batch copies
        cdef uint32_t i
        cdef Frame *frame
        copies.packets = pointers
        copies.count = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.annotations[ANNO_PAINT] == self.color and not is_broadcast(packet):
                copy = packet_clone(self.vcpu, packet)
                if copy == NULL:
                    self.missed(DROP_NO_BUFFER)
                    continue
                pointers[copies.count] = copy
                copies.count += 1
        if copies.count:
            port_push(&self.outputs[SAME_LINK], &copies)
        frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            frame.output[i] = self.leave_by(batch.packets[i])
        emit(self, frame, batch)

    cdef int leave_by(self, Descriptor *packet) noexcept nogil:
        """The output a packet belongs to, below zero a reason to drop it, its header made ready for the next hop."""
        cdef int problem
        cdef uint8_t *ip
        if is_broadcast(packet):
            return -DROP_BROADCAST
        problem = self.handle(packet)
        if problem:
            return BAD_OPTIONS if problem == DROP_BAD_OPTION else -problem
        if not packet_writable(self.vcpu, packet):
            return -DROP_NO_BUFFER
        ip = packet_network(packet)
        if packet.annotations[ANNO_FIX_IP_SOURCE]:
            packet.annotations[ANNO_FIX_IP_SOURCE] = 0
            source_replace(ip, self.address)
        if ttl_expires(ip):
            return EXPIRED
        ttl_decrement(ip)
        return GOOD if packet.length <= self.mtu or self.segments_fit(packet) else TOO_LONG

    cdef bint segments_fit(self, Descriptor *packet) noexcept nogil:
        cdef Segments segments
        return (packet.gso_type != 0 and segments_begin(&segments, packet) == 0
                and segments.payload + segments.size <= self.mtu)


cdef inline bint is_broadcast(Descriptor *packet) noexcept nogil:
    return packet.packet_type == TO_BROADCAST or packet.packet_type == TO_MULTICAST
