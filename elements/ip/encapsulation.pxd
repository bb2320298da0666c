"""What IPEncap and UDPIPEncap share; see encapsulation.pyx."""

from libc.stdint cimport uint16_t, uint32_t

from netos.element cimport Element
from netos.packet cimport DROP_NO_HEADROOM, DROP_TOO_BIG, Batch, Descriptor, packet_prepend
from netos.proto.ipv4 cimport IP_MAXIMUM_LENGTH


cdef class Encapsulation(Element):
    cdef uint32_t source
    cdef uint32_t destination
    cdef bint by_annotation     # the destination is each packet's destination annotation
    cdef uint16_t identification

    cdef void write(self, Descriptor *packet) noexcept nogil


cdef inline void encapsulate(Encapsulation element, Batch *batch, uint32_t headers) noexcept nogil:
    """Make room for `headers` bytes in each packet and have them written; what has no room is dropped."""
    cdef uint32_t i
    cdef uint32_t kept = 0
    cdef Descriptor *packet
    for i in range(batch.count):
        packet = batch.packets[i]
        if packet.length > IP_MAXIMUM_LENGTH - headers:
            element.drop(packet, DROP_TOO_BIG)
        elif not packet_prepend(element.vcpu, packet, headers):
            element.drop(packet, DROP_NO_HEADROOM)
        else:
            element.write(packet)
            batch.packets[kept] = packet
            kept += 1
    batch.count = kept
