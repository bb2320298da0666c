"""PullTee: copy every packet pulled to the other outputs, which are pushed (Click's PullTee)."""

from libc.stdint cimport uint32_t

from netos.element cimport Element, port_push
from netos.packet cimport BATCH_MAX, DROP_NO_BUFFER, Batch, Descriptor, packet_clone

from netos.args import Integer
from netos.errors import ArgumentError


cdef class PullTee(Element):
    """Hand a pulled packet on through output 0, having pushed a copy of it out of every other output."""

    ports = "1/1-"
    processing = "l/lh"

    def configure(self, n: Integer(minimum=1) = None):
        if n is not None and n != self.n_outputs:
            raise ArgumentError(f"{self.n_outputs} outputs are connected, but N is {n}", "N")

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *copy
        cdef Batch copies
        cdef uint32_t i
        cdef int output
        for output in range(1, self.n_outputs):
            copies.packets = pointers
            copies.count = 0
            for i in range(batch.count):
                copy = packet_clone(self.vcpu, batch.packets[i])
                if copy == NULL:
                    self.missed(DROP_NO_BUFFER)
                    continue
                pointers[copies.count] = copy
                copies.count += 1
            if copies.count:
                port_push(&self.outputs[output], &copies)
