"""What Paint, CheckPaint and PaintTee share: a colour, and the annotation that holds it."""

from netos.packet cimport ANNO_PAINT

from netos.args import Annotation, Byte
from netos.handlers import read_handler, write_handler


cdef class Painter(Element):
    """An element that knows one colour."""

    def configure(self, color: Byte, anno: Annotation(1) = (ANNO_PAINT, 1)):
        self.paint, self.at = color, anno[0]

    @read_handler
    def color(self):
        """The colour."""
        return self.paint

    @write_handler("color")
    def set_color(self, color: Byte):
        """Take another colour."""
        self.paint = color
