"""The virtual CPU: one epoll set, one run queue, its timers, its packets.

A turn runs tasks, then expired timers, then ready devices; run() makes turns until nothing is left to do or its budget
is used up, so that the event loop that watches the epoll descriptor gets its turn as well. Under a simulated clock
time jumps to the next timer when, and only when, nothing is runnable.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC

from netos.kernel.clock cimport clock_host, clock_steady
from netos.kernel.epoll cimport EpollSet
from netos.kernel.guard cimport guard_enter, guard_free, guard_leave
from netos.kernel.inbox cimport atomic_swap, inbox_serve, inbox_waiting, pointer_peek, wake_up
from netos.kernel.memory cimport LARGE_BUFFER
from netos.kernel.task cimport Task, run_queue_room, run_queue_take
from netos.kernel.timer cimport timers_expire, timers_next
from netos.kernel.watchdog cimport cycles_now, note_time
from netos.packet cimport (
    BATCH_MAX, EVENTS_MAX, HEADROOM, Descriptor, Event, Vcpu, event_queue, packet_create, vcpu_end_aside, vcpu_free,
    vcpu_make,
)
from netos.packet_handle cimport Packet, packet_wrap, vcpu_begin, vcpu_check, vcpu_end

cdef enum:
    STEPPED = 2                     # a simulated clock that only step() moves
    TASKS_A_TURN = 32
    TIMERS_A_TURN = 64

cdef int64_t FOREVER = <int64_t>1 << 62


cdef bint turn_until(VirtualCpu cpu, int64_t limit) noexcept nogil:
    """A turn; virtual time goes no further than `limit`, and only when there is nothing else to do."""
    cdef Vcpu *core = cpu.core
    cdef int64_t now
    cdef uint64_t start
    cdef void *object
    cdef uint32_t ran, expired = 0
    if inbox_waiting(&cpu.inbox):
        inbox_serve(&cpu.inbox)
    if pointer_peek(&core.aside) != NULL:
        vcpu_end_aside(core)
    ran = cpu.run_tasks(TASKS_A_TURN)
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
    if cpu.timers.count == 0 or cpu.next_timer() > limit or core.clock.simulated == STEPPED:
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
cdef class VirtualCpu(EpollSet):
    """One epoll set, one stride run queue, its timers and packet caches.

    `simulated`: None for the machine's clock, else the nanoseconds since 1970 at which virtual time starts: it
    jumps to the next timer when there is nothing else to do, and a `stepped` one when step() is called. One of
    `replicas` virtual CPUs that run the same graph is number `replica`: see netos.kernel.group.
    """

    replica = 0
    replicas = 1
    group = None        # netos.kernel.group.VcpuGroup, where there are several

    def __init__(self, simulated=None, bint stepped=False):
        self.core = vcpu_make()
        self.budget = 500000
        self.core.events_owner = <void *>self
        self.core.deliver = deliver_now
        self.on_stop = None         # asked before a stop takes effect: true to go on all the same
        self.interrupted = None     # an exception that is to end the run, such as KeyboardInterrupt
        if simulated is not None:
            self.core.clock.simulated = STEPPED if stepped else 1
            self.core.clock.now = simulated
            self.core.width = 1

    def __dealloc__(self):
        if self.core != NULL:
            vcpu_free(self.core)
        free(self.run_queue.heap)
        free(self.timers.heap)
        guard_free(self.guard)

    # The region that this is the virtual CPU of, where there is one: see netos.kernel.ownership

    cdef void enter(self) noexcept nogil:
        """Enter the region, if this is one's virtual CPU."""
        if self.guard != NULL:
            guard_enter(self.guard)

    cdef void leave(self) noexcept nogil:
        """Leave the region; when there is something to tell, have the thread come that runs Python."""
        cdef bint told
        if self.guard != NULL:
            told = self.core.events_count > 0
            guard_leave(self.guard)
            if told and atomic_swap(&self.inbox.sleeping, 0):
                wake_up(self.event_fd)

    def reserve_tasks(self, int more):
        """Make room in the run queue for that many more tasks, or fewer; nothing may run meanwhile."""
        run_queue_room(&self.run_queue, self.task_count + more)
        self.task_count += more

    # Packets

    def packet(self, data=b"", unsigned int headroom=HEADROOM):
        """A new packet with these bytes (at most 65 550), counted as created."""
        cdef const uint8_t[::1] content = data
        cdef Py_ssize_t length = len(data)
        if headroom + length > LARGE_BUFFER:
            raise ValueError(f"{length} bytes and {headroom} of headroom do not fit a buffer of {LARGE_BUFFER}")
        vcpu_check(self.core)
        cdef Descriptor *descriptor = packet_create(self.core, headroom, <uint32_t>length)
        if descriptor == NULL:
            raise MemoryError("no packet buffer is free")
        if length:
            memcpy(descriptor.data, &content[0], length)
        return packet_wrap(self.core, self, descriptor)

    def no_packet(self):
        """A dead handle, which knows its virtual CPU all the same."""
        return packet_wrap(self.core, self, NULL)

    cpdef adopt(self, Packet packet):
        """Take the packet of another virtual CPU into this one's count."""
        if packet is None:
            raise TypeError("adopt() takes a packet, not None")
        vcpu_check(self.core)
        if packet.vcpu != self.core:
            vcpu_check(packet.vcpu)
            packet.vcpu.sent += 1
            self.core.received += 1
            packet.vcpu = self.core
            packet.owner = self

    @property
    def balance(self):
        """How packets came and went: received, created, sent, consumed, dropped, and `held`, the difference.

        Where packets pass from one virtual CPU to another, only the sum over all of them says how many are held.
        """
        cdef Vcpu *core = self.core
        return {"received": core.received, "created": core.created, "sent": core.sent, "consumed": core.consumed,
                "dropped": core.dropped, "empty": core.empty,
                "held": <int64_t>(core.received + core.created - core.sent - core.consumed - core.dropped)}

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
        cdef unsigned long before
        self.calibrate()
        while more:
            before = vcpu_begin(self.core)
            with nogil:
                while True:
                    more = self.turn()
                    if not more or self.stopped or self.core.events_count or clock_host(CLOCK_MONOTONIC) >= until:
                        break
            vcpu_end(self.core, before)
            self.report_overrun()
            if self.core.events_count:
                self.deliver_events()
                more = more or self.run_queue.count > 0     # of the tasks that it has scheduled
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
        cdef unsigned long before
        self.calibrate()
        before = vcpu_begin(self.core)
        with nogil:
            ran = self.run_tasks(count)
        vcpu_end(self.core, before)
        self.report_overrun()
        self.deliver_events()
        return ran

    def advance(self, until=None):
        """Under virtual time, do everything there is to do up to `until` (nanoseconds; None: until nothing is left)."""
        if not self.core.clock.simulated:
            raise RuntimeError("only a simulated clock can be advanced")
        cdef int64_t limit = FOREVER if until is None else until
        cdef bint more = True
        cdef unsigned long before
        while more and not self.ended():
            if self.core.events_count:
                self.deliver_events()
            elif self.run_queue.count and self.core.clock.now > limit:
                break
            else:
                before = vcpu_begin(self.core)
                with nogil:
                    more = turn_until(self, limit) or self.core.events_count
                vcpu_end(self.core, before)
        if until is not None and self.core.clock.now < limit:
            self.core.clock.now = limit

    def step(self, int64_t until):
        """Move a stepped clock to the next timer, no further than `until` (nanoseconds); whether one is due there.

        Nothing may run meanwhile.
        """
        cdef int64_t when = timers_next(&self.timers)
        cdef bint due = 0 <= when <= until
        if self.core.clock.simulated != STEPPED:
            raise RuntimeError("only a stepped clock can be stepped")
        self.core.clock.now = max(self.core.clock.now, when if due else until)
        self.wake()
        return bool(due)

    def wait(self, timeout=None):
        """Block until a device, a timer or a wake-up, at most `timeout` seconds, and serve the devices."""
        cdef int milliseconds = -1 if timeout is None else max(int(timeout * 1000), 0)
        self.arm()
        cdef unsigned long before
        if self.run_queue.count:
            milliseconds = 0
        before = vcpu_begin(self.core)
        with nogil:
            self.poll_devices(milliseconds)
        vcpu_end(self.core, before)
        self.report_overrun()
        self.deliver_events()

    def arm(self):
        """Set the timer descriptor to the next timer."""
        self.set_timer()

    cdef void set_timer(self) noexcept nogil:
        if not self.core.clock.simulated:
            self.arm_timer(self.next_timer())

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
