"""Truncate: cut packets to a length (Click's Truncate)."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport ANNO_EXTRA_LENGTH, Batch, Descriptor, packet_trim

from netos.args import Bool, Unsigned
from netos.handlers import read_handler, write_handler


cdef class Truncate(Element):
    """Cut packets to at most LENGTH bytes; EXTRA_LENGTH adds what was cut off to the extra length annotation.

    Handlers: nbytes (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    offload = "none"

    cdef uint32_t length
    cdef bint annotate

    def configure(self, length: Unsigned, *, extra_length: Bool = True):
        self.length, self.annotate = length, extra_length

    @read_handler
    def nbytes(self):
        """Bytes a packet keeps at most."""
        return self.length

    @write_handler("nbytes")
    def set_nbytes(self, length: Unsigned):
        """Cut to that many bytes."""
        self.length = length

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, cut, extra
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.length <= self.length:
                continue
            cut = packet.length - self.length
            packet_trim(packet, cut)
            if self.annotate:
                memcpy(&extra, packet.annotations + ANNO_EXTRA_LENGTH, 4)
                extra += cut
                memcpy(packet.annotations + ANNO_EXTRA_LENGTH, &extra, 4)
