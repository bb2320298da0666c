"""StripIPHeader: take the IPv4 header off (Click's StripIPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element
from netos.packet cimport DROP_NOT_IP, Batch, Descriptor, packet_strip
from netos.proto.ipv4 cimport ip_header_length


cdef class StripIPHeader(Element):
    """Take off everything up to the end of the marked IP header; the mark stays, for UnstripIPHeader."""

    ports = "1/1"
    processing = "a/a"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        cdef const uint8_t *ip
        for i in range(batch.count):
            packet = batch.packets[i]
            ip = marked_whole_ip(packet)
            if ip == NULL:
                self.drop(packet, DROP_NOT_IP)
                continue
            if ip + ip_header_length(ip) > packet.data:
                packet_strip(packet, <uint32_t>(ip + ip_header_length(ip) - packet.data))
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
