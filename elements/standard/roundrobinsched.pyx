"""RoundRobinSched: pull from the inputs in turn (Click's RoundRobinSched)."""

from libc.stdint cimport uint32_t

from elements.standard.pull_scheduler cimport PullScheduler
from netos.element cimport port_pull
from netos.kernel.notifier cimport signal_active
from netos.packet cimport Batch


cdef class RoundRobinSched(PullScheduler):
    """Answer a pull with a packet of the next input after the one that gave last; pass over those known to be empty."""

    ports = "-/1"
    processing = "l/l"

    cdef int next_input

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef int chosen, silent = 0
        cdef uint32_t before, end = into.count + limit
        while into.count < end and silent < self.n_inputs:
            chosen = self.next_input
            self.next_input += 1
            if self.next_input == self.n_inputs:
                self.next_input = 0
            before = into.count
            if signal_active(&self.signals[chosen]):
                port_pull(&self.inputs[chosen], 1, into)
            silent = silent + 1 if into.count == before else 0
