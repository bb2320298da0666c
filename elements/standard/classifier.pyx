"""Classifier: sort packets by their bytes (Click's Classifier)."""

from libc.stdint cimport uint32_t

from elements.standard.classification cimport Program, program_match_data
from netos.element cimport Element
from netos.packet cimport DROP_NO_MATCH, Batch, Descriptor, Frame, prefetch
from netos.staging cimport emit, frame_enter

from elements.standard.classifier_pattern import compile_classifier
from netos.args import Raw
from netos.errors import ArgumentError
from netos.handlers import read_handler


cdef class Classifier(Element):
    """Send each packet to the output of the first pattern it matches; drop what matches none.

    A pattern is a list of clauses OFFSET/VALUE[%MASK], all in hexadecimal but the offset; `?` in a value is any four
    bits, `!` before a clause negates it, and `-` alone matches every packet.
    Handler: program (read), the compiled decision tree.
    """

    ports = "1/-"
    processing = "h/h"
    live_reconfigure = True

    cdef Program compiled

    def configure(self, *pattern: Raw):
        if len(pattern) != self.n_outputs:
            raise ArgumentError(f"need {self.n_outputs} arguments, one per output port, not {len(pattern)}")
        self.compiled = compile_classifier(pattern)

    @read_handler
    def program(self):
        """The decision tree, a line each step."""
        return self.compiled.text()

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef int output
        cdef Descriptor *packet
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            packet = batch.packets[i]
            if i + 4 < batch.count:
                prefetch(batch.packets[i + 4].data)
            output = program_match_data(&self.compiled.data, packet.data, packet.length)
            frame.output[i] = output if output >= 0 else -DROP_NO_MATCH
        emit(self, frame, batch)
