"""The epoll set of a virtual CPU: its devices, a timer descriptor, and an event descriptor by which others wake it."""

cimport cython
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport strerror
from posix.time cimport CLOCK_MONOTONIC, itimerspec
from posix.unistd cimport close, read, write

from netos.kernel.clock cimport NANOSECONDS
from netos.kernel.inbox cimport fence, inbox_waiting, thread_self
from netos.kernel.watchdog cimport Watchdog, cycles_now, note_time

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    ctypedef union epoll_data_t:
        void *ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int limit, int timeout)

cdef extern from "<sys/timerfd.h>" nogil:
    enum: TFD_CLOEXEC, TFD_NONBLOCK, TFD_TIMER_ABSTIME
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec *value, itimerspec *old)

cdef extern from "<sys/eventfd.h>" nogil:
    enum: EFD_CLOEXEC, EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags)

cdef enum:
    DEVICES_A_TURN = 32


@cython.no_gc_clear
cdef class EpollSet(Watchdog):
    """The part of a virtual CPU that waits."""

    def __cinit__(self, *args, **kwargs):
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        self.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        cdef int fd
        for fd in (self.epoll_fd, self.timer_fd, self.event_fd):
            if fd < 0:
                raise OSError(errno, f"cannot make a virtual CPU: {strerror(errno).decode()}")
        self.inbox.event_fd = self.event_fd
        self.inbox.owner = thread_self()
        self.watch_plain(self.timer_fd)
        self.watch_plain(self.event_fd)

    def __dealloc__(self):
        for fd in (self.epoll_fd, self.timer_fd, self.event_fd):
            if fd > 0:
                close(fd)

    def fileno(self):
        """The epoll descriptor: readable when run() has something to do that is not a runnable task."""
        return self.epoll_fd

    def wake(self):
        """Make the epoll descriptor readable; safe from another thread."""
        cdef uint64_t one = 1
        write(self.event_fd, &one, 8)

    def watch_plain(self, int fd):
        """Be woken while a descriptor is readable that somebody else reads."""
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.ptr = NULL
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, strerror(errno).decode())

    def unwatch_plain(self, int fd):
        """Be woken no more."""
        epoll_ctl(self.epoll_fd, EPOLL_CTL_DEL, fd, NULL)

    cdef int watch(self, Watch *watch, bint writable=False) except -1:
        """Have watch.ready called while its descriptor is readable (or writable)."""
        cdef epoll_event event
        event.events = EPOLLOUT | EPOLLIN if writable else EPOLLIN
        event.data.ptr = watch
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, watch.fd, &event) < 0:
            raise OSError(errno, f"cannot watch descriptor {watch.fd}: {strerror(errno).decode()}")
        return 0

    cdef void watch_for(self, Watch *watch, bint readable, bint writable) noexcept nogil:
        """Change what a watch waits for; a device in trouble is reported in any case."""
        cdef epoll_event event
        event.events = (EPOLLIN if readable else 0) | (EPOLLOUT if writable else 0)
        event.data.ptr = watch
        epoll_ctl(self.epoll_fd, EPOLL_CTL_MOD, watch.fd, &event)

    cdef void unwatch(self, Watch *watch) noexcept nogil:
        epoll_ctl(self.epoll_fd, EPOLL_CTL_DEL, watch.fd, NULL)

    cdef uint32_t poll_devices(self, int timeout) noexcept nogil:
        """Serve ready devices; wait for one up to `timeout` milliseconds. Return how many were served."""
        cdef epoll_event events[DEVICES_A_TURN]
        cdef Watch *watch
        cdef uint32_t served = 0
        cdef uint64_t unused, start
        cdef int i, count
        if timeout:
            self.inbox.sleeping = 1
            fence()
            if inbox_waiting(&self.inbox):
                timeout = 0
        count = epoll_wait(self.epoll_fd, events, DEVICES_A_TURN, timeout)
        self.inbox.sleeping = 0
        for i in range(count):
            watch = <Watch *>events[i].data.ptr
            if watch != NULL:
                start = cycles_now()
                watch.ready(watch.object, events[i].events)
                note_time(self, watch.object, cycles_now() - start)
                served += 1
        if count > <int>served:
            read(self.timer_fd, &unused, 8)
            read(self.event_fd, &unused, 8)
            self.armed = -1
        return served

    cdef void arm_timer(self, int64_t when) noexcept nogil:
        """Become readable at that time (steady nanoseconds; below 0: not at all)."""
        cdef itimerspec value
        if when == self.armed:
            return
        value.it_interval.tv_sec = value.it_interval.tv_nsec = 0
        value.it_value.tv_sec = value.it_value.tv_nsec = 0
        if when >= 0:
            value.it_value.tv_sec = when // NANOSECONDS
            value.it_value.tv_nsec = max(when % NANOSECONDS, 1)
        timerfd_settime(self.timer_fd, TFD_TIMER_ABSTIME, &value, NULL)
        self.armed = when
