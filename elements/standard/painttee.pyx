"""PaintTee: copy packets of one colour to a second output (Click's PaintTee)."""

from libc.stdint cimport uint32_t

from elements.standard.painting cimport Painter
from netos.element cimport port_push
from netos.packet cimport BATCH_MAX, DROP_NO_BUFFER, Batch, Descriptor, packet_clone


cdef class PaintTee(Painter):
    """Pass all packets; push a copy of those whose paint annotation, or byte ANNO, is COLOR out of output 1 first.

    Handlers: color (read, write).
    """

    ports = "1/2"
    processing = "a/ah"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *copy
        cdef Batch copies
        cdef uint32_t i
        copies.packets = pointers
        copies.count = 0
        for i in range(batch.count):
            if batch.packets[i].annotations[self.at] != self.paint:
                continue
            copy = packet_clone(self.vcpu, batch.packets[i])
            if copy == NULL:
                self.missed(DROP_NO_BUFFER)
                continue
            pointers[copies.count] = copy
            copies.count += 1
        if copies.count:
            port_push(&self.outputs[1], &copies)
