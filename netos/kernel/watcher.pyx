"""Python on a virtual CPU: functions called when a descriptor is ready, or at a time, between batches.

The data path only queues an event, once; the virtual CPU delivers it. Both loops, inline and `netos click`'s, serve
these alike, because they wait for the same epoll set.
"""

import logging

cimport cython
from libc.stdint cimport int64_t, uint32_t

from netos.kernel.clock cimport clock_steady
from netos.kernel.timer cimport Timer, timer_cancel, timer_init, timer_schedule
from netos.kernel.vcpu cimport VirtualCpu, Watch
from netos.packet cimport EVENTS_MAX, event_queue, events_forget


cdef void descriptor_ready(void *object, uint32_t events) noexcept nogil:
    (<Watcher>object).ready()


cdef void time_has_come(void *object, Timer *timer) noexcept nogil:
    event_queue((<Alarm>object).cpu.core, object, 0, 0)


def call_safely(callback):
    """Call; whatever goes wrong is logged, for the caller is the virtual CPU."""
    try:
        callback()
    except Exception:
        logging.getLogger("netos.kernel").exception("a function called by the virtual CPU failed")


@cython.no_gc_clear
cdef class Watcher:
    """Calls a function while a descriptor is ready for what is wanted: to be read, at first.

    To be closed before its descriptor is.
    """

    cdef Watch watch
    cdef VirtualCpu cpu
    cdef object callback
    cdef bint queued
    cdef bint open

    def __init__(self, VirtualCpu cpu not None, int fd, callback):
        self.cpu = cpu
        self.callback = callback
        self.watch = Watch(descriptor_ready, <void *>self, fd)
        cpu.watch(&self.watch)
        self.open = 1

    def __dealloc__(self):
        if self.open:
            self.cpu.unwatch(&self.watch)
            events_forget(self.cpu.core, <void *>self)

    def want(self, bint readable, bint writable):
        """Wait for this from now on; an error of the descriptor is reported in any case."""
        if self.open:
            self.cpu.watch_for(&self.watch, readable, writable)

    def close(self):
        """Call nothing any more."""
        cdef object cpu = self.cpu
        if not self.open:
            return
        self.open = 0
        self.cpu.unwatch(&self.watch)
        events_forget(self.cpu.core, <void *>self)
        # epoll may have reported this descriptor in the turn that goes on right now: stay until that is over.
        retired = getattr(cpu, "retired_watchers", ())
        cpu.retired_watchers = [*(entry for entry in retired if entry[0] == cpu.turns), (cpu.turns, self)]

    cdef void ready(self) noexcept nogil:
        if self.open and not self.queued and self.cpu.core.events_count < EVENTS_MAX:
            self.queued = 1
            event_queue(self.cpu.core, <void *>self, 0, 0)

    def deliver(self, kind, value):
        """The virtual CPU has come to the event."""
        self.queued = 0
        if self.open:
            call_safely(self.callback)


@cython.no_gc_clear
cdef class Alarm:
    """Calls a function once, some seconds after it was set."""

    cdef Timer timer
    cdef VirtualCpu cpu
    cdef object callback

    def __init__(self, VirtualCpu cpu not None, callback):
        self.cpu = cpu
        self.callback = callback
        timer_init(&self.timer, &cpu.timers, time_has_come, <void *>self)

    def __dealloc__(self):
        if self.cpu is not None:
            timer_cancel(&self.timer)
            events_forget(self.cpu.core, <void *>self)

    def set(self, double seconds):
        """Call that many seconds from now; a later call replaces an earlier one."""
        timer_schedule(&self.timer, clock_steady(&self.cpu.core.clock) + <int64_t>(seconds * 1e9))
        self.cpu.wake()

    def cancel(self):
        """Do not call after all."""
        timer_cancel(&self.timer)
        events_forget(self.cpu.core, <void *>self)

    def deliver(self, kind, value):
        """The virtual CPU has come to the event."""
        call_safely(self.callback)
