"""Unstrip: put bytes back in front (Click's Unstrip)."""

from libc.stdint cimport uint32_t
from libc.string cimport memset

from netos.element cimport Element
from netos.packet cimport DROP_NO_HEADROOM, Batch, Descriptor, packet_headroom, packet_prepend

from netos.args import Integer


cdef class Unstrip(Element):
    """Put LENGTH bytes in front of every packet: those that a Strip took off, as long as nobody has written there.

    Bytes that were never part of the packet are zero when new headroom must be made for them.
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint32_t length

    def configure(self, length: Integer(minimum=0, maximum=65535)):
        self.length = length

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, missing, kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            missing = self.length - min(self.length, packet_headroom(packet))
            packet.data -= self.length - missing
            packet.length += self.length - missing
            if missing:
                if not packet_prepend(self.vcpu, packet, missing):
                    self.drop(packet, DROP_NO_HEADROOM)
                    continue
                memset(packet.data, 0, missing)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
