"""Tee: copy every packet to all outputs (Click's Tee)."""

from libc.stdint cimport uint32_t

from netos.element cimport Element, port_push
from netos.packet cimport BATCH_MAX, DROP_NO_BUFFER, Batch, Descriptor, packet_clone

from netos.args import Integer
from netos.errors import ArgumentError


cdef class Tee(Element):
    """Push a copy of each packet to every output, the packet itself to the last. Copies share their bytes."""

    ports = "1/1-"
    processing = "h/h"

    def configure(self, n: Integer(minimum=1) = None):
        if n is not None and n != self.n_outputs:
            raise ArgumentError(f"{self.n_outputs} outputs are connected, but N is {n}", "N")

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *copy
        cdef Batch copies
        cdef uint32_t i
        cdef int output
        for output in range(self.n_outputs - 1):
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
        port_push(&self.outputs[self.n_outputs - 1], batch)
