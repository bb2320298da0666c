"""UnstripIPHeader: put the IPv4 header back (Click's UnstripIPHeader)."""

from libc.stdint cimport uint32_t

from netos.element cimport Element
from netos.packet cimport DROP_NOT_IP, NO_HEADER, Batch, Descriptor, packet_network


cdef class UnstripIPHeader(Element):
    """Give the packet back what it had in front from the marked IP header on, as before StripIPHeader."""

    ports = "1/1"
    processing = "a/a"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.network_header == NO_HEADER:
                self.drop(packet, DROP_NOT_IP)
                continue
            if packet_network(packet) < packet.data:
                packet.length += <uint32_t>(packet.data - packet_network(packet))
                packet.data = packet_network(packet)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
