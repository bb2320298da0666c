"""The virtual CPU: one epoll set, one run queue, its timers, its packets.

A turn runs tasks, then expired timers, then ready devices; run() makes turns until nothing is left to do or its budget
is used up, so that the event loop that watches the epoll descriptor gets its turn as well. Under a simulated clock
time jumps to the next timer when, and only when, nothing is runnable.
"""

cimport cython
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, strerror
from posix.time cimport CLOCK_MONOTONIC, itimerspec
from posix.unistd cimport close, read, write

from netos.kernel.clock cimport NANOSECONDS, clock_host, clock_steady
from netos.kernel.memory cimport LARGE_BUFFER
from netos.kernel.task cimport Task, run_queue_room, run_queue_take
from netos.kernel.timer cimport timers_expire, timers_next
from netos.packet cimport (
    BATCH_MAX, EVENTS_MAX, HEADROOM, Descriptor, Event, Vcpu, event_queue, packet_create, vcpu_free, vcpu_make,
)
from netos.packet_handle cimport Packet, packet_wrap

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

cdef extern from *:
    """
    #if defined(__x86_64__)
    static inline uint64_t netos_cycles(void) { return __builtin_ia32_rdtsc(); }
    #else
    #include <time.h>
    static inline uint64_t netos_cycles(void) {
        struct timespec at; clock_gettime(CLOCK_MONOTONIC, &at); return at.tv_sec * 1000000000ull + at.tv_nsec; }
    #endif
    """
    uint64_t cycles_now "netos_cycles"() noexcept nogil

cdef enum:
    TASKS_A_TURN = 32
    TIMERS_A_TURN = 64
    DEVICES_A_TURN = 32

cdef int64_t FOREVER = <int64_t>1 << 62
cdef double cycles_a_nanosecond = 0
cdef uint64_t first_cycles = cycles_now()
cdef int64_t first_time = clock_host(CLOCK_MONOTONIC)


cdef void calibrate() noexcept nogil:
    """Learn the time stamp counter's rate, once a millisecond has passed since the start."""
    global cycles_a_nanosecond
    cdef int64_t passed
    if cycles_a_nanosecond == 0:
        passed = clock_host(CLOCK_MONOTONIC) - first_time
        if passed > 1000000:
            cycles_a_nanosecond = <double>(cycles_now() - first_cycles) / <double>passed


cdef inline void note_time(VirtualCpu cpu, void *object, uint64_t cycles) noexcept nogil:
    """The watchdog: remember who has just kept all others waiting for too long."""
    if <double>cycles > cycles_a_nanosecond * cpu.overrun and cycles_a_nanosecond > 0:
        cpu.overrun_element = object
        cpu.overrun_time = <int64_t>(cycles / cycles_a_nanosecond)


cdef bint turn_until(VirtualCpu cpu, int64_t limit) noexcept nogil:
    """A turn; virtual time goes no further than `limit`, and only when there is nothing else to do."""
    cdef Vcpu *core = cpu.core
    cdef int64_t now
    cdef uint64_t start
    cdef void *object
    cdef uint32_t expired = 0
    cdef uint32_t ran = cpu.run_tasks(TASKS_A_TURN)
    cpu.turns += 1
    if cpu.timers.count and not (core.events_count and core.deliver != NULL):
        now = min(core.clock.now, limit) if core.clock.simulated else clock_steady(&core.clock)
        while expired < TIMERS_A_TURN and 0 <= timers_next(&cpu.timers) <= now:
            object = cpu.timers.heap[0].object
            start = cycles_now()
            expired += timers_expire(&cpu.timers, now, 1)
            note_time(cpu, object, cycles_now() - start)
    ran += expired + cpu.poll_devices(0)
    if ran or not core.clock.simulated or cpu.run_queue.count or core.events_count:
        return ran > 0
    if cpu.timers.count == 0 or cpu.next_timer() > limit:
        return 0
    core.clock.now = max(core.clock.now, cpu.next_timer())
    return 1


cdef void deliver_now(void *owner) noexcept nogil:
    with gil:
        try:
            (<VirtualCpu>owner).deliver_events()
        except BaseException as error:
            (<VirtualCpu>owner).interrupt(error)


@cython.no_gc_clear
cdef class VirtualCpu:
    """One epoll set, one stride run queue, its timers and packet caches.

    `simulated`: None for the machine's clock, else the nanoseconds since 1970 at which virtual time starts. One of
    `replicas` virtual CPUs that run the same graph is number `replica`: see netos.kernel.group.
    """

    replica = 0
    replicas = 1
    group = None        # netos.kernel.group.VcpuGroup, where there are several

    def __cinit__(self):
        self.epoll_fd = self.timer_fd = self.event_fd = -1

    def __init__(self, simulated=None):
        self.core = vcpu_make()
        self.budget = 500000
        self.overrun = 10000000
        self.core.events_owner = <void *>self
        self.core.deliver = deliver_now
        self.on_stop = None         # asked before a stop takes effect: true to go on all the same
        self.overruns = {}          # how often, by name of element
        self.interrupted = None     # an exception that is to end the run, such as KeyboardInterrupt
        if simulated is not None:
            self.core.clock.simulated = 1
            self.core.clock.now = simulated
            self.core.width = 1
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        self.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        cdef int fd
        for fd in (self.epoll_fd, self.timer_fd, self.event_fd):
            if fd < 0:
                raise OSError(errno, f"cannot make a virtual CPU: {strerror(errno).decode()}")
        self.watch_plain(self.timer_fd)
        self.watch_plain(self.event_fd)

    def __dealloc__(self):
        if self.core != NULL:
            vcpu_free(self.core)
        for fd in (self.epoll_fd, self.timer_fd, self.event_fd):
            if fd >= 0:
                close(fd)
        free(self.run_queue.heap)
        free(self.timers.heap)

    def watch_plain(self, int fd):
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.ptr = NULL
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, strerror(errno).decode())

    def reserve_tasks(self, int more):
        """Make room in the run queue for that many more tasks, or fewer; nothing may run meanwhile."""
        run_queue_room(&self.run_queue, self.task_count + more)
        self.task_count += more

    def fileno(self):
        """The epoll descriptor: readable when run() has something to do that is not a runnable task."""
        return self.epoll_fd

    # Packets

    def packet(self, data=b"", unsigned int headroom=HEADROOM):
        """A new packet with these bytes (at most 65 550), counted as created."""
        cdef const uint8_t[::1] content = data
        cdef Py_ssize_t length = len(data)
        if headroom + length > LARGE_BUFFER:
            raise ValueError(f"{length} bytes and {headroom} of headroom do not fit a buffer of {LARGE_BUFFER}")
        cdef Descriptor *descriptor = packet_create(self.core, headroom, <uint32_t>length)
        if descriptor == NULL:
            raise MemoryError("no packet buffer is free")
        if length:
            memcpy(descriptor.data, &content[0], length)
        return packet_wrap(self.core, self, descriptor)

    cpdef adopt(self, Packet packet):
        """Take the packet of another virtual CPU into this one's count."""
        if packet is None:
            raise TypeError("adopt() takes a packet, not None")
        if packet.vcpu != self.core:
            packet.vcpu.sent += 1
            self.core.received += 1
            packet.vcpu = self.core
            packet.owner = self

    @property
    def balance(self):
        """How packets came and went: received, created, sent, consumed, dropped, and `held`, the difference."""
        cdef Vcpu *core = self.core
        return {"received": core.received, "created": core.created, "sent": core.sent, "consumed": core.consumed,
                "dropped": core.dropped, "empty": core.empty,
                "held": core.received + core.created - core.sent - core.consumed - core.dropped}

    @property
    def width(self):
        """Packets a source emits at once."""
        return self.core.width

    @width.setter
    def width(self, uint32_t value):
        self.core.width = min(max(value, 1), <uint32_t>BATCH_MAX)

    @property
    def widen(self):
        """Packets that a source or puller may move in one run where its burst says fewer; 0: bursts are exact."""
        return self.core.widen

    @widen.setter
    def widen(self, uint32_t value):
        self.core.widen = min(value, <uint32_t>BATCH_MAX)

    @property
    def events_lost(self):
        """Events that found their queue full."""
        return self.core.events_lost

    # Time

    @property
    def simulated(self):
        """Whether the clock is virtual."""
        return bool(self.core.clock.simulated)

    @property
    def now(self):
        """Nanoseconds on the steady clock; a simulated clock does not move by being looked at here."""
        return self.core.clock.now if self.core.clock.simulated else clock_steady(&self.core.clock)

    @property
    def next_timeout(self):
        """When the next timer expires (steady nanoseconds), None when none is set."""
        cdef int64_t when = timers_next(&self.timers)
        return None if when < 0 else when

    @property
    def runnable(self):
        """How many tasks are runnable."""
        return self.run_queue.count

    @property
    def task_runs(self):
        """How many task runs there have been."""
        return self.run_queue.runs

    @property
    def cycles(self):
        """Time stamp counter ticks so far: what an element's `cycles` are a share of."""
        return cycles_now()

    # Devices

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
        cdef int i, count = epoll_wait(self.epoll_fd, events, DEVICES_A_TURN, timeout)
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

    # Running

    cdef uint32_t run_tasks(self, uint32_t limit) noexcept nogil:
        """Run up to `limit` tasks, or fewer when an event waits for Python at hand; return how many ran."""
        cdef uint32_t ran = 0
        cdef uint64_t start, end
        cdef Task *task
        while ran < limit and not (self.core.events_count and self.core.deliver != NULL):
            task = run_queue_take(&self.run_queue)
            if task == NULL:
                break
            task.running = 1
            start = cycles_now()
            task.run(task.object)
            end = cycles_now()
            task.running = 0
            task.cycles += end - start
            note_time(self, task.object, end - start)
            ran += 1
        return ran

    cdef int64_t next_timer(self) noexcept nogil:
        return timers_next(&self.timers)

    cdef bint turn(self) noexcept nogil:
        """One turn: tasks, timers, devices. Return whether anything happened."""
        return turn_until(self, FOREVER)

    def run(self):
        """Make turns until nothing is left to do or the budget is used up; return whether a task is runnable."""
        cdef int64_t until = clock_host(CLOCK_MONOTONIC) + self.budget
        cdef bint more = not self.ended()
        calibrate()
        while more:
            with nogil:
                while True:
                    more = self.turn()
                    if not more or self.stopped or self.core.events_count or clock_host(CLOCK_MONOTONIC) >= until:
                        break
            self.report_overrun()
            if self.core.events_count:
                self.deliver_events()
            if self.ended() or clock_host(CLOCK_MONOTONIC) >= until:
                break
        self.arm()
        return self.run_queue.count > 0

    def ended(self):
        """Whether the run is over: it was stopped, and `on_stop` (a driver script, say) does not want to go on."""
        if self.stopped and self.on_stop is not None and self.on_stop():
            self.stopped = False
        return self.stopped

    def run_tasks_once(self, uint32_t count=1):
        """Run up to `count` tasks and nothing else, then deliver events; for tests and `netos click`'s driver."""
        cdef uint32_t ran
        with nogil:
            ran = self.run_tasks(count)
        self.report_overrun()
        self.deliver_events()
        return ran

    def advance(self, until=None):
        """Under virtual time, do everything there is to do up to `until` (nanoseconds; None: until nothing is left)."""
        if not self.core.clock.simulated:
            raise RuntimeError("only a simulated clock can be advanced")
        cdef int64_t limit = FOREVER if until is None else until
        cdef bint more = True
        while more and not self.ended():
            if self.core.events_count:
                self.deliver_events()
            elif self.run_queue.count and self.core.clock.now > limit:
                break
            else:
                with nogil:
                    more = turn_until(self, limit) or self.core.events_count
        if until is not None and self.core.clock.now < limit:
            self.core.clock.now = limit

    def wait(self, timeout=None):
        """Block until a device, a timer or a wake-up, at most `timeout` seconds, and serve the devices."""
        cdef int milliseconds = -1 if timeout is None else max(int(timeout * 1000), 0)
        self.arm()
        if self.run_queue.count:
            milliseconds = 0
        with nogil:
            self.poll_devices(milliseconds)
        self.report_overrun()
        self.deliver_events()

    def wake(self):
        """Make the epoll descriptor readable; safe from another thread."""
        cdef uint64_t one = 1
        write(self.event_fd, &one, 8)

    def arm(self):
        """Set the timer descriptor to the next timer."""
        self.set_timer()

    cdef void set_timer(self) noexcept nogil:
        cdef itimerspec value
        cdef int64_t when = self.next_timer()
        if self.core.clock.simulated or when == self.armed:
            return
        value.it_interval.tv_sec = value.it_interval.tv_nsec = 0
        value.it_value.tv_sec = value.it_value.tv_nsec = 0
        if when >= 0:
            value.it_value.tv_sec = when // NANOSECONDS
            value.it_value.tv_nsec = max(when % NANOSECONDS, 1)
        timerfd_settime(self.timer_fd, TFD_TIMER_ABSTIME, &value, NULL)
        self.armed = when

    cpdef deliver_events(self):
        """Tell Python what the data path queued, in order; what that raises goes to the element's router.

        An exception that is no Exception, such as KeyboardInterrupt, goes further: see interrupt().
        """
        cdef Vcpu *core = self.core
        cdef Event event
        while core.events_count:
            event = core.events[core.events_first]
            core.events_first = (core.events_first + 1) % EVENTS_MAX
            core.events_count -= 1
            if event.element == NULL:
                continue
            element = <object>event.element
            try:
                element.deliver(event.kind, event.value)
            except Exception as error:
                element.router.event_failed(element, error)
        if self.interrupted is not None:
            interruption, self.interrupted = self.interrupted, None
            raise interruption

    def interrupt(self, error):
        """Raise an exception out of the run, after the batch: what calls this stands in the data path."""
        self.interrupted = error
        event_queue(self.core, NULL, 0, 0)

    def report_overrun(self):
        """Tell of the element whose task, timer or device kept all others waiting, if one did: on_overrun, or the log.

        The log hears of an element's first time, then of its second, fourth, eighth and so on.
        """
        if self.overrun_element == NULL:
            return
        element, self.overrun_element = <object>self.overrun_element, NULL
        element = getattr(element, "reader", None) or element       # of a device: who reads it
        if self.on_overrun is not None:
            self.on_overrun(element, self.overrun_time)
            return
        name = getattr(element, "name", type(element).__name__)
        count = self.overruns[name] = self.overruns.get(name, 0) + 1
        if count & (count - 1) == 0:
            import logging

            logging.getLogger("netos.kernel").warning(
                "%s ran for %.1f ms in one go, and everything else waited (%s)", name, self.overrun_time / 1e6,
                "for the first time" if count == 1 else f"{count} times so far")
