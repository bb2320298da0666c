"""Idle: neither give nor take a packet (Click's Idle)."""

from netos.element cimport Element
from netos.kernel.notifier cimport Notifier
from netos.packet cimport Batch, batch_consume
from libc.stdint cimport uint32_t


cdef class Idle(Element):
    """Send nothing, free whatever is pushed in; any number of ports."""

    ports = "-/-"
    processing = "a/a"
    flow = "x/y"

    cdef Notifier silence       # never active: nobody need pull from here

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.silence

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        batch_consume(self.vcpu, batch)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        pass
