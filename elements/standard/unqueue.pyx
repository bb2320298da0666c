"""Unqueue: pull packets and push them on (Click's Unqueue)."""

from libc.stdint cimport int64_t, uint32_t

from netos.element cimport Element, port_pull
from netos.kernel.notifier cimport Signal, signal_active, signal_free
from netos.kernel.task cimport task_schedule
from netos.packet cimport BATCH_MAX, Batch, Descriptor

from netos.args import Bool, Integer, Integer64
from netos.handlers import read_handler, write_handler


cdef class Unqueue(Element):
    """Pull up to BURST packets a run (all there are when BURST is negative), at most LIMIT in all, and push them.

    Handlers: count (read), active, limit, burst (read, write), reset, reset_counts (write).
    """

    ports = "1/1"
    processing = "l/h"
    handlers = ("count", "active", "limit")

    cdef readonly int64_t count
    cdef readonly bint active
    cdef readonly int64_t limit
    cdef int burst_size
    cdef Signal signal

    def configure(self, burst: Integer = 1, *, active: Bool = True, limit: Integer64 = -1):
        self.burst_size, self.active, self.limit = burst, active, limit

    def initialize(self):
        self.upstream_signal(0, &self.signal)
        self.start_task(self.active)

    def __dealloc__(self):
        signal_free(&self.signal)

    @read_handler("burst")
    def burst_text(self):
        """Packets a run."""
        return self.burst_size

    @write_handler("burst")
    def set_burst(self, burst: Integer):
        """Pull that many packets a run."""
        self.burst_size = burst

    @write_handler("active")
    def set_active(self, active: Bool):
        """Pull, or stop pulling."""
        self.active = active
        task_schedule(&self.task)

    @write_handler("limit")
    def set_limit(self, limit: Integer64):
        """Pull that many packets in all; negative: no limit."""
        self.limit = limit
        task_schedule(&self.task)

    @write_handler
    @write_handler("reset_counts")
    def reset(self):
        """Begin to count anew."""
        self.count = 0
        task_schedule(&self.task)

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef uint32_t moved = 0
        cdef uint32_t wanted = BATCH_MAX if self.burst_size < 0 else self.burst(<uint32_t>self.burst_size)
        batch.packets = pointers
        while moved < wanted and self.active and (self.limit < 0 or self.count < self.limit):
            batch.count = 0
            port_pull(&self.inputs[0], self.share(wanted - moved), &batch)
            if batch.count == 0:
                break
            moved += batch.count
            self.count += batch.count
            self.send_burst(0, &batch)
        if self.active and (self.limit < 0 or self.count < self.limit) and (moved or signal_active(&self.signal)):
            task_schedule(&self.task)
        return moved > 0

    cdef uint32_t share(self, uint32_t wanted) noexcept nogil:
        """How many packets to pull at once: what is wanted, within the limit and the width of a batch."""
        wanted = min(wanted, self.vcpu.width)
        if self.limit >= 0 and self.limit - self.count < wanted:
            return <uint32_t>(self.limit - self.count)
        return wanted
