"""PaintTee: copy packets of one colour to a second output (Click's PaintTee)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.element cimport Element, port_push
from netos.packet cimport ANNO_PAINT, BATCH_MAX, DROP_NO_BUFFER, Batch, Descriptor, packet_clone

from netos.args import Annotation, Byte
from netos.handlers import read_handler, write_handler


cdef class PaintTee(Element):
    """Pass all packets; push a copy of those whose paint annotation, or byte ANNO, is COLOR out of output 1 first.

    Handlers: color (read, write).
    """

    ports = "1/2"
    processing = "a/ah"

    cdef uint8_t paint
    cdef uint32_t at

    def configure(self, color: Byte, anno: Annotation(1) = (ANNO_PAINT, 1)):
        self.paint, self.at = color, anno[0]

    @read_handler
    def color(self):
        """The colour that is copied."""
        return self.paint

    @write_handler("color")
    def set_color(self, color: Byte):
        """Copy another colour."""
        self.paint = color

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
