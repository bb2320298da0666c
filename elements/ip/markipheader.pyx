"""MarkIPHeader: say where the IPv4 header is, unchecked (Click's MarkIPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.element cimport Element
from netos.packet cimport NO_HEADER, Batch, Descriptor, packet_set_network
from netos.proto.ipv4 cimport IP_HEADER_LENGTH, ip_header_length

from netos.args import Unsigned


cdef class MarkIPHeader(Element):
    """Mark an IP header OFFSET bytes into each packet, and what it carries as the transport header.

    A packet too short to have the header there has none marked.
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint32_t offset

    def configure(self, offset: Unsigned(maximum=65535) = 0):
        self.offset = offset

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef Descriptor *packet
        cdef uint8_t *ip
        for i in range(batch.count):
            packet = batch.packets[i]
            ip = packet.data + self.offset
            packet.network_header = packet.transport_header = NO_HEADER
            if packet.length >= self.offset + IP_HEADER_LENGTH:
                if packet.length >= self.offset + ip_header_length(ip):
                    packet_set_network(packet, ip, ip_header_length(ip))
