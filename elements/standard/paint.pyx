"""Paint: mark packets with a colour (Click's Paint)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.element cimport Element
from netos.packet cimport ANNO_PAINT, Batch

from netos.args import Annotation, Byte
from netos.handlers import read_handler, write_handler


cdef class Paint(Element):
    """Set the paint annotation, or the byte ANNO, of every packet to COLOR.

    Handlers: color (read, write).
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint8_t paint
    cdef uint32_t at

    def configure(self, color: Byte, anno: Annotation(1) = (ANNO_PAINT, 1)):
        self.paint, self.at = color, anno[0]

    def mark(self, annotations):
        """The annotations of a packet that has passed."""
        return annotations[:self.at] + bytes([self.paint]) + annotations[self.at + 1:]

    @read_handler
    def color(self):
        """The colour."""
        return self.paint

    @write_handler("color")
    def set_color(self, color: Byte):
        """Paint with another colour."""
        self.paint = color

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            batch.packets[i].annotations[self.at] = self.paint
