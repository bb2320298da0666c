"""TimedSource: make a packet at every interval (Click's TimedSource)."""

from libc.stdint cimport int64_t

from elements.standard.source cimport Source
from netos.kernel.clock cimport Clock, clock_steady
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule, timer_scheduled
from netos.packet cimport Batch, Descriptor

from netos.args import Bool, Data, HandlerCall, Integer, Integer64, Seconds
from netos.handlers import read_handler, write_handler

cdef enum:
    LATE_MAX = 1000000000       # nanoseconds of packets that are made up for after a standstill


cdef class TimedSource(Source):
    """Make a packet of DATA every INTERVAL, the first one INTERVAL after the start, LIMIT in all; pushed.

    STOP stops the router one INTERVAL after the last packet, END_CALL calls a handler then. Packets get HEADROOM bytes
    of headroom. Handlers: data, interval, limit, headroom, active (read, write), count (read), reset (write).
    """

    processing = "h/h"

    cdef int64_t period
    cdef Timer timer

    def configure(self, interval: Seconds(minimum=1) = 500000000, data: Data = None, *, limit: Integer64 = -1,
                  active: Bool = True, stop: Bool = False, end_call: HandlerCall = None,
                  headroom: Integer(minimum=0, maximum=2048) = None):
        self.set_content(data)
        self.prepare(limit, active, stop, end_call)
        self.period = interval
        if headroom is not None:
            self.headroom = headroom

    def initialize(self):
        self.start_timer(&self.timer)
        self.restart()

    @read_handler
    def interval(self):
        """Time between packets."""
        return Seconds().unparse(self.period)

    @write_handler("interval")
    def set_interval(self, interval: Seconds(minimum=1)):
        """Make a packet every so often, from the packet that is due on."""
        self.period = interval

    @read_handler("headroom")
    def headroom_text(self):
        """Bytes of headroom of a packet."""
        return self.headroom

    @write_handler("headroom")
    def set_headroom(self, headroom: Integer(minimum=0, maximum=2048)):
        """Make packets with that much headroom."""
        self.headroom = headroom

    cdef void restart(self) noexcept nogil:
        cdef Clock *clock = &self.vcpu.clock
        if not self.active:
            timer_cancel(&self.timer)
        elif not timer_scheduled(&self.timer):
            timer_schedule(&self.timer, (clock.now if clock.simulated else clock_steady(clock)) + self.period)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef Descriptor *pointer = NULL
        cdef Batch batch
        if not self.active:
            return
        if self.left() == 0:
            self.finish()
            return
        timer_schedule(timer, max(timer.when, clock_steady(&self.vcpu.clock) - LATE_MAX) + self.period)
        batch.packets = &pointer
        batch.count = 0
        self.make(1, &batch)
        self.send_burst(0, &batch)
