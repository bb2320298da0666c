"""Switch: send packets out of the output it is told to (Click's Switch)."""

from libc.stdint cimport int16_t, uint32_t

from netos.element cimport Element
from netos.packet cimport DROP_INACTIVE, Batch, Frame
from netos.staging cimport emit, frame_enter

from netos.args import Integer
from netos.errors import ArgumentError
from netos.handlers import write_handler


cdef class Switch(Element):
    """Send every packet out of OUTPUT; drop it while that is negative.

    Handlers: switch (read, write; a number that no output has switches off).
    """

    ports = "1/-"
    processing = "h/h"
    handlers = ("switch",)
    live_reconfigure = True

    cdef int chosen

    def configure(self, output: Integer = 0):
        if output >= self.n_outputs:
            raise ArgumentError(f"output must be < {self.n_outputs}", "OUTPUT")
        self.chosen = output

    @property
    def switch(self):
        """The output packets go to; -1 when they are dropped."""
        return self.chosen

    @write_handler("switch")
    def set_switch(self, output: Integer):
        """Send packets to that output; negative, or a number no output has: drop them."""
        self.chosen = output if 0 <= output < self.n_outputs else -1
        self.configuration = str(self.chosen)

    def take_state(self, Switch old):
        if old.chosen < self.n_outputs:
            self.chosen = old.chosen

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef uint32_t i
        for i in range(batch.count):
            frame.output[i] = <int16_t>self.chosen if self.chosen >= 0 else -DROP_INACTIVE
        emit(self, frame, batch)
