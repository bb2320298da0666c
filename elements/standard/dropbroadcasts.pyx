"""DropBroadcasts: drop what the link sent to more than this host (Click's DropBroadcasts)."""

from libc.stdint cimport uint32_t, uint64_t

from netos.element cimport Element
from netos.packet cimport DROP_BROADCAST, TO_BROADCAST, TO_MULTICAST, Batch, Descriptor


cdef class DropBroadcasts(Element):
    """Drop packets whose type annotation says broadcast or multicast, or send them out of output 1.

    Handlers: drops (read; counts those sent out of output 1 as well).
    """

    ports = "1/1-2"
    processing = "a/ah"
    handlers = ("drops",)

    cdef uint64_t unwanted

    @property
    def drops(self):
        """Packets dropped or sent out of output 1."""
        return self.unwanted

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.packet_type == TO_BROADCAST or packet.packet_type == TO_MULTICAST:
                self.unwanted += 1
                self.reject(packet, DROP_BROADCAST)
                continue
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
