"""PrioSched: pull from the first input that has something (Click's PrioSched)."""

from libc.stdint cimport uint32_t

from elements.standard.pull_scheduler cimport PullScheduler
from netos.element cimport port_pull
from netos.kernel.notifier cimport signal_active
from netos.packet cimport Batch


cdef class PrioSched(PullScheduler):
    """Answer each pull with a packet of the input of the lowest number that has one."""

    ports = "-/1"
    processing = "l/l"

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef int i = 0
        cdef uint32_t before, end = into.count + limit
        while into.count < end and i < self.n_inputs:
            before = into.count
            if signal_active(&self.signals[i]):
                port_pull(&self.inputs[i], end - before, into)
            i = i + 1 if into.count == before else 0
