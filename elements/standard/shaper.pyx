"""Shaper: let pulled packets pass at a rate (Click's Shaper), and what it shares with BandwidthShaper."""

from libc.stdint cimport int64_t, uint32_t

from elements.standard.tokenbucket cimport TOKEN, bucket_assign, bucket_refill, bucket_set, bucket_when
from netos.element cimport Element, port_pull
from netos.kernel.clock cimport clock_steady
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake, signal_active, signal_free
from netos.kernel.timer cimport Timer, timer_schedule
from netos.packet cimport Batch

from netos.args import Rate
from netos.handlers import read_handler, write_handler

cdef enum:
    CATCH_UP = 10000000         # nanoseconds of lateness that are made up for


cdef class RateShaper(Element):
    """A token bucket in the way of pulls: a packet may go when the bucket is not in debt, and then costs its share.

    Its notifier sleeps while it refuses, and a timer wakes it when the next packet may go.
    """

    ports = "1/1-2"
    processing = "l/l"

    cdef void fill_at(self, rate) except *:
        bucket_assign(&self.bucket, rate, rate * CATCH_UP)
        notifier_wake(&self.ready)

    def initialize(self):
        self.start_timer(&self.timer)
        self.derive_signal(0, &self.signal, NULL, &self.ready)

    def __dealloc__(self):
        signal_free(&self.signal)
        notifier_free(&self.ready)

    def change_rate(self, rate):
        """Go on at another rate; what is owed is paid at the new one."""
        bucket_refill(&self.bucket, clock_steady(&self.vcpu.clock))
        self.fill_at(rate)

    @write_handler
    def reset(self):
        """Let the next packet go at once."""
        bucket_set(&self.bucket, 0)
        notifier_wake(&self.ready)

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.ready

    cdef void wait(self) noexcept nogil:
        """Sleep until the next packet may go; for ever at rate 0."""
        notifier_sleep(&self.ready)
        if self.bucket.rate:
            timer_schedule(&self.timer, bucket_when(&self.bucket, 0))

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        if signal_active(&self.signal):
            notifier_wake(&self.ready)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t i, before, end = into.count + limit
        cdef int64_t wanted, cost
        bucket_refill(&self.bucket, clock_steady(&self.vcpu.clock))
        while into.count < end and self.bucket.level >= 0 and self.bucket.rate:
            before = into.count
            wanted = 1 if self.by_bytes else min(<int64_t>(end - before), self.bucket.level // TOKEN + 1)
            port_pull(&self.inputs[0], <uint32_t>wanted, into)
            if into.count == before:
                if not signal_active(&self.signal):
                    notifier_sleep(&self.ready)
                return
            cost = into.count - before
            if self.by_bytes:
                cost = 0
                for i in range(before, into.count):
                    cost += into.packets[i].length
            self.bucket.level -= cost * TOKEN
        if self.bucket.level < 0 or not self.bucket.rate:
            self.wait()


cdef class Shaper(RateShaper):
    """Let at most RATE packets a second pass; either output may be pulled, and both draw on the same rate.

    Handlers: rate (read, write), reset (write).
    """

    ports = "1/1-2"
    processing = "l/l"
    live_reconfigure = True

    def configure(self, rate: Rate):
        self.fill_at(rate)

    @read_handler
    def rate(self):
        """Packets a second."""
        return self.bucket.rate

    @write_handler("rate")
    def set_rate(self, rate: Rate):
        """Let that many packets a second pass."""
        self.change_rate(rate)
        self.configuration = str(rate)
