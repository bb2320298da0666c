"""PullTee: copy every packet pulled to the other outputs, which are pushed (Click's PullTee)."""

from elements.standard.copying cimport Copier
from netos.packet cimport Batch


cdef class PullTee(Copier):
    """Hand a pulled packet on through output 0, having pushed a copy of it out of every other output."""

    ports = "1/1-"
    processing = "l/lh"

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef int output
        for output in range(1, self.n_outputs):
            self.push_copies(output, batch)
