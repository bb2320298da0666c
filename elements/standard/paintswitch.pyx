"""PaintSwitch: sort packets by colour (Click's PaintSwitch)."""

from libc.stdint cimport int16_t, uint32_t

from netos.element cimport Element
from netos.packet cimport ANNO_PAINT, DROP_NO_BUFFER, DROP_UNMATCHED_PAINT, Batch, Descriptor, Frame, packet_clone
from netos.staging cimport emit, frame_enter

from netos.args import Annotation

cdef enum:
    ALL_OUTPUTS = 255


cdef class PaintSwitch(Element):
    """Send each packet out of the output that its paint annotation, or byte ANNO, names.

    Packets of a colour that no output has are dropped, and copies of those of colour 255 go out of all outputs.
    """

    ports = "1/-"
    processing = "h/h"

    cdef uint32_t at

    def configure(self, anno: Annotation(1) = (ANNO_PAINT, 1)):
        self.at = anno[0]

    def decide(self, packet, annotations):
        """The output for a packet, as IPFilter.decide."""
        return annotations[self.at] if annotations[self.at] < self.n_outputs else None

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Batch part
        cdef uint32_t i, first = 0
        for i in range(batch.count):
            if batch.packets[i].annotations[self.at] == ALL_OUTPUTS and self.n_outputs:
                part.packets = batch.packets + first
                part.count = i - first
                self.sort(&part)
                self.copy_to_all(batch.packets[i])
                first = i + 1
        part.packets = batch.packets + first
        part.count = batch.count - first
        self.sort(&part)

    cdef void sort(self, Batch *batch) noexcept nogil:
        cdef Frame *frame
        cdef uint32_t i
        cdef int16_t colour
        if batch.count == 0:
            return
        frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            colour = batch.packets[i].annotations[self.at]
            frame.output[i] = colour if colour < self.n_outputs else -DROP_UNMATCHED_PAINT
        emit(self, frame, batch)

    cdef void copy_to_all(self, Descriptor *packet) noexcept nogil:
        cdef Descriptor *copy
        cdef int output
        for output in range(self.n_outputs - 1):
            copy = packet_clone(self.vcpu, packet)
            if copy == NULL:
                self.missed(DROP_NO_BUFFER)
            else:
                self.send_one(output, copy)
        self.send_one(self.n_outputs - 1, packet)
