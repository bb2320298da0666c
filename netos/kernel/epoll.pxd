"""The epoll set of a virtual CPU; see epoll.pyx."""

from libc.stdint cimport int64_t, uint32_t

from netos.kernel.inbox cimport Inbox
from netos.kernel.watchdog cimport Watchdog


cdef struct Watch:              # what is to be called when a descriptor is ready
    void (*ready)(void *object, uint32_t events) noexcept nogil
    void *object
    int fd


cdef class EpollSet(Watchdog):
    cdef int epoll_fd
    cdef int timer_fd
    cdef int event_fd
    cdef int64_t armed              # what the timer descriptor is set to
    cdef Inbox inbox                # what other threads ask for

    cdef int watch(self, Watch *watch, bint writable=*) except -1
    cdef void watch_for(self, Watch *watch, bint readable, bint writable) noexcept nogil
    cdef void unwatch(self, Watch *watch) noexcept nogil
    cdef uint32_t poll_devices(self, int timeout) noexcept nogil
    cdef void arm_timer(self, int64_t when) noexcept nogil
