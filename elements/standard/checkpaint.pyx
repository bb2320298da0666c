"""CheckPaint: keep packets of one colour (Click's CheckPaint)."""

from libc.stdint cimport uint32_t

from elements.standard.painting cimport Painter
from netos.packet cimport DROP_UNMATCHED_PAINT, Batch, Descriptor


cdef class CheckPaint(Painter):
    """Pass packets whose paint annotation, or byte ANNO, is COLOR; drop others, or send them out of output 1.

    Handlers: color (read, write).
    """

    ports = "1/1-2"
    processing = "a/ah"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.annotations[self.at] != self.paint:
                self.reject(packet, DROP_UNMATCHED_PAINT)
                continue
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
