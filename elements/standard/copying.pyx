"""What Tee and PullTee share: copies of packets, which share their bytes, out of other outputs."""

from libc.stdint cimport uint32_t

from netos.element cimport port_push
from netos.packet cimport BATCH_MAX, DROP_NO_BUFFER, Batch, Descriptor, packet_clone

from netos.args import Integer
from netos.errors import ArgumentError


cdef class Copier(Element):
    """An element with any number of outputs; the argument N, if it is given, says how many."""

    def configure(self, n: Integer(minimum=1) = None):
        if n is not None and n != self.n_outputs:
            raise ArgumentError(f"{self.n_outputs} outputs are connected, but N is {n}", "N")

    cdef void push_copies(self, int output, Batch *batch) noexcept nogil:
        """Push a copy of each packet; what there is no memory for is missed there."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *copy
        cdef Batch copies
        cdef uint32_t i
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
