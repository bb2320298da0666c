"""Strip: take bytes off the front (Click's Strip)."""

from libc.stdint cimport uint32_t

from netos.element cimport Element
from netos.packet cimport Batch, Descriptor, packet_strip

from netos.args import Unsigned


cdef class Strip(Element):
    """Take the first LENGTH bytes off every packet; all there are, if it is shorter."""

    ports = "1/1"
    processing = "a/a"

    cdef uint32_t length

    def configure(self, length: Unsigned):
        self.length = length

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            packet_strip(packet, min(self.length, packet.length))
