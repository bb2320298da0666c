"""StaticSwitch: send packets out of one output for good (Click's StaticSwitch)."""

from libc.stdint cimport int16_t, uint32_t

from netos.element cimport Element
from netos.packet cimport DROP_INACTIVE, Batch, Frame
from netos.staging cimport emit, frame_enter

from netos.args import Integer
from netos.errors import ArgumentError


cdef class StaticSwitch(Element):
    """Send every packet out of OUTPUT; drop all when that is negative."""

    ports = "1/-"
    processing = "h/h"

    cdef int chosen

    def configure(self, output: Integer):
        if output >= self.n_outputs:
            raise ArgumentError(f"output must be < {self.n_outputs}", "OUTPUT")
        self.chosen = output

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef uint32_t i
        for i in range(batch.count):
            frame.output[i] = <int16_t>self.chosen if self.chosen >= 0 else -DROP_INACTIVE
        emit(self, frame, batch)
