"""InfiniteSource: make packets as fast as they are taken (Click's InfiniteSource)."""

from libc.stdint cimport uint32_t

from elements.standard.source cimport Source
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.task cimport task_schedule
from netos.packet cimport BATCH_MAX, Batch, Descriptor

from netos.args import Bool, Data, HandlerCall, Integer, Integer64
from netos.handlers import read_handler, write_handler


cdef class InfiniteSource(Source):
    """Make LIMIT packets of DATA (without end when LIMIT is negative), BURST a run; pushed or pulled.

    LENGTH repeats or cuts the data to that many bytes. STOP stops the router after the last packet, END_CALL calls a
    handler then. Handlers: data, length, limit, burst, active (read, write), count (read), reset (write).
    """

    processing = "a/a"

    cdef uint32_t burst_size
    cdef Notifier ready

    def configure(self, data: Data = None, limit: Integer64 = -1, burst: Integer(minimum=1) = 1, active: Bool = True,
                  *, timestamp: Bool = True, length: Integer = -1, datasize: Integer = -1, stop: Bool = False,
                  end_call: HandlerCall = None):
        self.set_content(data, max(length, datasize))
        self.prepare(limit, active, stop, end_call, timestamp)
        self.burst_size = burst

    def initialize(self):
        if self.output_processing == "h":
            self.start_task(self.active)
        else:
            self.ready.active = self.active

    def __dealloc__(self):
        notifier_free(&self.ready)

    @read_handler("burst")
    def burst_text(self):
        """Packets a run."""
        return self.burst_size

    @write_handler("burst")
    def set_burst(self, burst: Integer(minimum=1)):
        """Make that many packets a run."""
        self.burst_size = burst

    cdef void restart(self) noexcept nogil:
        if self.left():
            task_schedule(&self.task)
            notifier_wake(&self.ready)

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.ready

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef bint worked
        batch.packets = pointers
        batch.count = 0
        self.make(self.burst(self.burst_size), &batch)
        worked = batch.count > 0
        self.send_burst(0, &batch)
        if worked or self.left():
            task_schedule(&self.task)
        else:
            self.finish()
        return worked

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        if self.left() == 0:
            self.finish()
            notifier_sleep(&self.ready)
        self.make(limit, into)
