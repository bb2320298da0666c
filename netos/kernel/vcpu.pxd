"""The virtual CPU: one epoll set, one run queue, its timers, its packets; see vcpu.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.kernel.task cimport RunQueue
from netos.kernel.timer cimport TimerHeap
from netos.packet cimport Descriptor, Vcpu
from netos.packet_handle cimport Packet


cdef struct Watch:              # what is to be called when a descriptor is ready
    void (*ready)(void *object, uint32_t events) noexcept nogil
    void *object
    int fd


cdef class VirtualCpu:
    cdef Vcpu *core
    cdef RunQueue run_queue
    cdef TimerHeap timers
    cdef int epoll_fd
    cdef int timer_fd
    cdef int event_fd
    cdef int64_t armed              # what the timer descriptor is set to
    cdef public int64_t budget      # nanoseconds one call of run() may take
    cdef public int64_t overrun     # nanoseconds one task may take before the watchdog names it
    cdef public object on_overrun   # called with (element, nanoseconds)
    cdef public bint stopped        # run() and advance() end at once
    cdef readonly uint64_t turns
    cdef void *overrun_element
    cdef int64_t overrun_time
    cdef uint32_t task_count
    cdef dict __dict__

    cdef int watch(self, Watch *watch, bint writable=*) except -1
    cdef void watch_for(self, Watch *watch, bint readable, bint writable) noexcept nogil
    cdef void unwatch(self, Watch *watch) noexcept nogil
    cdef bint turn(self) noexcept nogil
    cdef uint32_t run_tasks(self, uint32_t limit) noexcept nogil
    cdef uint32_t poll_devices(self, int timeout) noexcept nogil
    cdef int64_t next_timer(self) noexcept nogil
    cdef void set_timer(self) noexcept nogil
    cpdef adopt(self, Packet packet)
    cpdef deliver_events(self)
