"""CheckPaint: keep packets of one colour (Click's CheckPaint)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.element cimport Element
from netos.packet cimport ANNO_PAINT, DROP_UNMATCHED_PAINT, Batch, Descriptor

from netos.args import Annotation, Byte
from netos.handlers import read_handler, write_handler


cdef class CheckPaint(Element):
    """Pass packets whose paint annotation, or byte ANNO, is COLOR; drop others, or send them out of output 1.

    Handlers: color (read, write).
    """

    ports = "1/1-2"
    processing = "a/ah"

    cdef uint8_t paint
    cdef uint32_t at

    def configure(self, color: Byte, anno: Annotation(1) = (ANNO_PAINT, 1)):
        self.paint, self.at = color, anno[0]

    @read_handler
    def color(self):
        """The colour that passes."""
        return self.paint

    @write_handler("color")
    def set_color(self, color: Byte):
        """Let another colour pass."""
        self.paint = color

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
