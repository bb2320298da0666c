"""Paint: mark packets with a colour (Click's Paint)."""

from libc.stdint cimport uint32_t

from elements.standard.painting cimport Painter
from netos.packet cimport Batch


cdef class Paint(Painter):
    """Set the paint annotation, or the byte ANNO, of every packet to COLOR.

    Handlers: color (read, write).
    """

    ports = "1/1"
    processing = "a/a"

    def mark(self, annotations):
        """The annotations of a packet that has passed."""
        return annotations[:self.at] + bytes([self.paint]) + annotations[self.at + 1:]

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            batch.packets[i].annotations[self.at] = self.paint
