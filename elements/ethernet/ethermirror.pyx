"""EtherMirror: exchange the addresses of Ethernet frames (Click's EtherMirror)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport DROP_NO_BUFFER, DROP_TRUNCATED, Batch, Descriptor, packet_writable
from netos.proto.ethernet cimport ETHER_ADDRESS_LENGTH, ETHER_AT_DESTINATION, ETHER_AT_SOURCE, ETHER_HEADER_LENGTH


cdef class EtherMirror(Element):
    """Exchange source and destination address of each frame; what is too short for an Ethernet header is dropped."""

    ports = "1/1"
    processing = "a/a"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint8_t source[ETHER_ADDRESS_LENGTH]
        cdef Descriptor *packet
        cdef uint32_t i, kept = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.length < ETHER_HEADER_LENGTH:
                self.drop(packet, DROP_TRUNCATED)
                continue
            if not packet_writable(self.vcpu, packet):
                self.drop(packet, DROP_NO_BUFFER)
                continue
            memcpy(source, packet.data + ETHER_AT_SOURCE, ETHER_ADDRESS_LENGTH)
            memcpy(packet.data + ETHER_AT_SOURCE, packet.data + ETHER_AT_DESTINATION, ETHER_ADDRESS_LENGTH)
            memcpy(packet.data + ETHER_AT_DESTINATION, source, ETHER_ADDRESS_LENGTH)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
