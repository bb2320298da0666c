"""Tee: copy every packet to all outputs (Click's Tee)."""

from elements.standard.copying cimport Copier
from netos.element cimport port_push
from netos.packet cimport Batch


cdef class Tee(Copier):
    """Push a copy of each packet to every output, the packet itself to the last. Copies share their bytes."""

    ports = "1/1-"
    processing = "h/h"

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef int output
        for output in range(self.n_outputs - 1):
            self.push_copies(output, batch)
        port_push(&self.outputs[self.n_outputs - 1], batch)
