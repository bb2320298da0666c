"""RatedSource: make packets at a rate (Click's RatedSource)."""

from libc.stdint cimport int64_t, uint32_t

from elements.standard.source cimport Source
from elements.standard.tokenbucket cimport TOKEN, TokenBucket, bucket_assign, bucket_refill, bucket_set, bucket_when
from netos.kernel.clock cimport clock_steady
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.task cimport task_schedule
from netos.kernel.timer cimport Timer, timer_schedule
from netos.packet cimport BATCH_MAX, Batch, Descriptor

from netos.args import Bandwidth, Bool, Data, HandlerCall, Integer, Integer64, Unsigned
from netos.handlers import read_handler, write_handler


cdef class RatedSource(Source):
    """Make LIMIT packets of DATA (without end when LIMIT is negative), RATE a second; pushed or pulled.

    BANDWIDTH, in bytes of packet data, replaces RATE. Late runs catch up, by 10 ms worth of packets at most. LENGTH
    repeats or cuts the data to that many bytes. STOP stops the router after the last packet, END_CALL calls a handler
    then. Handlers: data, length, rate, limit, active (read, write), count (read), reset (write).
    """

    processing = "a/a"

    cdef TokenBucket bucket
    cdef Timer timer
    cdef Notifier ready

    def configure(self, data: Data = None, rate: Unsigned = 10, limit: Integer64 = -1, active: Bool = True,
                  *, length: Integer = -1, datasize: Integer = -1, bandwidth: Bandwidth = None, stop: Bool = False,
                  end_call: HandlerCall = None):
        self.set_content(data, max(length, datasize))
        self.prepare(limit, active, stop, end_call)
        self.fill_at(rate if bandwidth is None else bandwidth // max(self.size, 1))

    def fill_at(self, rate):
        bucket_assign(&self.bucket, rate, max(rate // 100, 2) * TOKEN)

    def initialize(self):
        self.start_timer(&self.timer)
        bucket_set(&self.bucket, TOKEN)
        self.ready.active = self.active
        if self.output_processing == "h":
            self.start_task(self.active)

    def __dealloc__(self):
        notifier_free(&self.ready)

    @read_handler
    def rate(self):
        """Packets a second."""
        return self.bucket.rate

    @write_handler("rate")
    def set_rate(self, rate: Unsigned):
        """Make that many packets a second."""
        bucket_refill(&self.bucket, clock_steady(&self.vcpu.clock))
        self.fill_at(rate)
        self.restart()

    @write_handler("active")
    def set_active(self, active: Bool):
        """Make packets, the first at once, or make none."""
        if active and not self.active:
            bucket_set(&self.bucket, TOKEN)
        self.active = active
        self.restart()

    cdef void restart(self) noexcept nogil:
        if self.active:
            task_schedule(&self.task)
            notifier_wake(&self.ready)

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.ready

    cdef void fill(self, uint32_t wanted, Batch *batch) noexcept nogil:
        """Append up to `wanted` packets that are due."""
        bucket_refill(&self.bucket, clock_steady(&self.vcpu.clock))
        cdef int64_t due = min(<int64_t>min(wanted, self.left()), self.bucket.level // TOKEN)
        self.bucket.level -= due * TOKEN
        self.make(<uint32_t>due, batch)

    cdef void wait(self) noexcept nogil:
        """Go on when the next packet is due."""
        cdef int64_t when = bucket_when(&self.bucket, TOKEN)
        notifier_sleep(&self.ready)
        if when >= 0:
            timer_schedule(&self.timer, when)

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef bint worked
        if self.left() == 0:
            self.finish()
            return 0
        batch.packets = pointers
        batch.count = 0
        self.fill(self.burst(1), &batch)
        worked = batch.count > 0
        self.send_burst(0, &batch)
        if worked:
            task_schedule(&self.task)
        else:
            self.wait()
        return worked

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        self.restart()

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        if self.left() == 0:
            self.finish()
            notifier_sleep(&self.ready)
            return
        self.fill(limit, into)
        if self.left() and self.bucket.level < TOKEN:
            self.wait()
