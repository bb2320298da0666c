"""StrideSched: pull from the inputs by tickets (Click's StrideSched; Waldspurger and Weihl, 1995)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from elements.standard.pull_scheduler cimport PullScheduler
from netos.element cimport port_pull
from netos.kernel.notifier cimport signal_active
from netos.packet cimport Batch

from netos.args import Integer
from netos.errors import ArgumentError

cdef enum:
    STRIDE_ONE = 65536          # the stride of one ticket
    TICKETS_MAX = 32768


cdef class StrideSched(PullScheduler):
    """Share the pulls out among the inputs in proportion to their tickets, one argument an input, 0 to 32768.

    An input that has nothing when its turn comes loses that turn; one with 0 tickets is never asked.
    """

    ports = "1-/1"
    processing = "l/l"
    live_reconfigure = True

    cdef uint64_t *passes       # by input; the lowest is next
    cdef uint32_t *strides      # 0: never
    cdef uint64_t *asked        # the pull in which an input was asked last
    cdef uint64_t pulls

    def configure(self, *tickets: Integer(minimum=0)):
        cdef int i
        if len(tickets) != self.n_inputs:
            raise ArgumentError(f"need {self.n_inputs} arguments, one a connected input, not {len(tickets)}")
        if max(tickets) > TICKETS_MAX:
            raise ArgumentError(f"an input has at most {TICKETS_MAX} tickets, not {max(tickets)}")
        if self.passes == NULL:
            self.passes = <uint64_t *>malloc(self.n_inputs * sizeof(uint64_t))
            self.strides = <uint32_t *>malloc(self.n_inputs * sizeof(uint32_t))
            self.asked = <uint64_t *>calloc(self.n_inputs, sizeof(uint64_t))
            if self.passes == NULL or self.strides == NULL or self.asked == NULL:
                raise MemoryError(f"{self.name}: no memory for {self.n_inputs} inputs")
        for i in range(self.n_inputs):
            self.strides[i] = STRIDE_ONE // tickets[i] if tickets[i] else 0
            self.passes[i] = self.strides[i]

    def __dealloc__(self):
        free(self.passes)
        free(self.strides)
        free(self.asked)

    cdef bint pull_one(self, Batch *into) noexcept nogil:
        """Ask the inputs in order of their passes, each at most once, until one gives a packet."""
        cdef uint32_t before = into.count
        cdef int i, chosen
        self.pulls += 1
        while into.count == before:
            chosen = -1
            for i in range(self.n_inputs):
                if self.strides[i] and self.asked[i] != self.pulls and (
                        chosen < 0 or self.passes[i] < self.passes[chosen]):
                    chosen = i
            if chosen < 0:
                return 0
            self.asked[chosen] = self.pulls
            self.passes[chosen] += self.strides[chosen]
            if signal_active(&self.signals[chosen]):
                port_pull(&self.inputs[chosen], 1, into)
        return 1

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t end = into.count + limit
        while into.count < end and self.pull_one(into):
            pass
