"""GetIPAddress: copy an IPv4 address from the packet into an annotation (Click's GetIPAddress)."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from netos.element cimport Element
from netos.packet cimport Batch, Descriptor, packet_network
from netos.proto.ipv4 cimport IP_AT_DESTINATION, IP_AT_SOURCE
from elements.ip.header cimport marked_ip

from netos.args import ANNOTATIONS, Annotation, OneOf, Unsigned
from netos.errors import ArgumentError


cdef class GetIPAddress(Element):
    """Set the annotation ANNO (the destination address) to the four bytes at OFFSET.

    IP src or IP dst takes them from the marked IP header instead. A packet too short to have them gets 0.0.0.0.
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint32_t offset
    cdef uint32_t annotation
    cdef bint from_header           # offset counts from the network header

    def configure(self, offset: Unsigned(maximum=65535) = None, anno: Annotation(4) = ANNOTATIONS["DST_IP"], *,
                  ip: OneOf("src", "dst") = None):
        if (offset is None) == (ip is None):
            raise ArgumentError("say where the address is: give either OFFSET, or IP src or dst")
        self.from_header = ip is not None
        self.offset = offset if ip is None else IP_AT_SOURCE if ip == "src" else IP_AT_DESTINATION
        self.annotation = anno.offset

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t offset = self.offset
        cdef uint32_t annotation = self.annotation
        cdef Descriptor *packet
        if self.from_header:
            for i in range(batch.count):
                packet = batch.packets[i]
                if marked_ip(packet) != NULL:
                    memcpy(packet.annotations + annotation, packet_network(packet) + offset, 4)
                else:
                    memset(packet.annotations + annotation, 0, 4)
            return
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.length >= offset + 4:
                memcpy(packet.annotations + annotation, packet.data + offset, 4)
            else:
                memset(packet.annotations + annotation, 0, 4)
