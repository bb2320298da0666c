"""RoundRobinSwitch: deal packets out to the outputs in turn (Click's RoundRobinSwitch)."""

from libc.stdint cimport int16_t, uint32_t

from netos.element cimport Element
from netos.packet cimport Batch, Frame
from netos.staging cimport emit, frame_enter


cdef class RoundRobinSwitch(Element):
    """Send the first packet out of output 0, the next out of output 1, and so on, and round again."""

    ports = "1/1-"
    processing = "h/h"

    cdef int next_output

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef uint32_t i
        for i in range(batch.count):
            frame.output[i] = <int16_t>self.next_output
            self.next_output += 1
            if self.next_output == self.n_outputs:
                self.next_output = 0
        emit(self, frame, batch)
