"""Discard: where packets end (Click's Discard)."""

from libc.stdint cimport uint32_t, uint64_t

from netos.element cimport Element, port_pull
from netos.kernel.notifier cimport Signal, signal_active, signal_free
from netos.kernel.task cimport task_cancel, task_schedule
from netos.packet cimport BATCH_MAX, Batch, Descriptor, batch_consume

from netos.args import Bool, Unsigned
from netos.handlers import write_handler


cdef class Discard(Element):
    """Free every packet that comes. On a pull input it pulls as fast as it can, BURST packets a run.

    Handlers: count (read), active (read, write), reset_counts (write).
    """

    ports = "1/0"
    processing = "a/a"
    handlers = ("count", "active")

    cdef readonly uint64_t count
    cdef readonly bint active
    cdef uint32_t burst_size
    cdef Signal signal

    def configure(self, *, active: Bool = True, burst: Unsigned = 1):
        self.active = active
        self.burst_size = burst

    def initialize(self):
        if self.input_processing == "l":
            self.upstream_signal(0, &self.signal)
            self.start_task(self.active)

    def __dealloc__(self):
        signal_free(&self.signal)

    @write_handler
    def reset_counts(self):
        """Zero the count."""
        self.count = 0

    @write_handler("active")
    def set_active(self, active: Bool):
        """Pull, or stop pulling; a push input always takes."""
        self.active = active
        if active:
            task_schedule(&self.task)
        else:
            task_cancel(&self.task)

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        self.count += batch.count
        batch_consume(self.vcpu, batch)

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef bint worked
        batch.packets = pointers
        batch.count = 0
        port_pull(&self.inputs[0], self.burst(self.burst_size), &batch)
        worked = batch.count > 0
        self.push_batch(0, &batch)
        if self.active and (worked or signal_active(&self.signal)):
            task_schedule(&self.task)
        return worked
