"""Elements: what a graph is made of, and the ports between them.

An element overrides one of `process` (packets pass, pushed or pulled), `push_batch` and `pull_batch`, and perhaps
`run_task`. Facts about its class are literals: `ports`, `processing` and `flow` in Click's notation (click-language,
Element::port_count and friends), `handlers`, `observes` (it can see the order of packets across ports: batches are
then one packet wide), `offload` (which offloaded packets it can take: "any", "checksum" or "none"), `shared` (it may
run on two virtual CPUs at once), `phase` (when it is configured). The signature of `configure` is the argument syntax.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from netos.drophook cimport drop_hook
from netos.kernel.notifier cimport Notifier, Signal, notifier_follow, notifier_listen, signal_add
from netos.kernel.task cimport Task, task_cancel, task_init, task_schedule, task_set_tickets
from netos.kernel.timer cimport Timer, timer_cancel, timer_init, timer_schedule
from netos.kernel.vcpu cimport VirtualCpu
from netos.packet cimport (
    BATCH_MAX, DROP_LOOP, DROP_NO_OUTPUT, DROP_REASONS, Batch, Descriptor, Vcpu, event_queue, events_forget,
    packet_release,
)
from netos.packet_handle cimport Packet, packet_wrap, vcpu_begin, vcpu_check, vcpu_end

from netos.packet import DROP_NAMES

cdef enum:
    NESTING_MAX = 1024          # pushes within pushes, before a loop without a sorting element is taken for one
    PHASE_DEFAULT = 100


cdef void push_thunk(void *object, int port, Batch *batch) noexcept nogil:
    cdef Vcpu *vcpu = (<Element>object).vcpu
    if vcpu.nesting >= NESTING_MAX:
        (<Element>object).drop_batch(batch, DROP_LOOP)
        return
    vcpu.nesting += 1
    (<Element>object).push_batch(port, batch)
    vcpu.nesting -= 1


cdef void pull_thunk(void *object, int port, uint32_t limit, Batch *into) noexcept nogil:
    (<Element>object).pull_batch(port, limit, into)


cdef bint task_thunk(void *object) noexcept nogil:
    return (<Element>object).run_task()


cdef void timer_thunk(void *object, Timer *timer) noexcept nogil:
    (<Element>object).run_timer(timer)


cdef void push_nowhere(void *object, int port, Batch *batch) noexcept nogil:
    (<Element>object).drop_batch(batch, DROP_NO_OUTPUT)


cdef void pull_nothing(void *object, int port, uint32_t limit, Batch *into) noexcept nogil:
    pass


cdef void element_stop(Element element) noexcept:
    cdef Timer *timer = element.own_timers
    task_cancel(&element.task)
    while timer != NULL:
        timer_cancel(timer)
        timer = timer.sibling
    if element.vcpu != NULL:
        events_forget(element.vcpu, <void *>element)


@cython.no_gc_clear
cdef class Element:
    """The base of all elements; see the module. Python subclasses use netos.PyElement."""

    ports = "0/0"
    processing = "a/a"
    flow = "x/x"
    handlers = ()
    observes = False
    offload = "any"
    shared = False
    phase = PHASE_DEFAULT
    live_reconfigure = False

    def __dealloc__(self):
        element_stop(self)          # not self.stop(): a Python subclass may have lost its methods when Python exits
        free(self.inputs)
        free(self.outputs)
        free(self.tally)
        free(self.drops)

    def __cinit__(self, *args, **kwargs):
        self.task.slot = -1

    def __repr__(self):
        return f"{self.name} :: {type(self).__name__}"

    # The life of an element, in order

    def configure(self):
        """Take the arguments; the signature is their syntax (netos.args). Raise ArgumentError for a bad one."""

    def initialize(self):
        """Get ready: all elements are configured and connected. Raise NetosError to refuse the configuration."""

    def take_state(self, old):
        """Take over state from `old`, the element of the same name in the graph this one replaces."""

    def cleanup(self):
        """Let go of what initialize() took; called once, also after a failure, also when initialize() was not."""

    def deliver(self, kind, value):
        """Hear what the data path told with `tell`: by default, EVENT_STOP stops the router."""
        if kind == EVENT_STOP:
            self.router.stop()
        elif kind == EVENT_CALL:
            self.router.call(self.calls[value])

    @property
    def drop_counts(self):
        """Packets dropped here, by reason: only reasons that occurred."""
        return {DROP_NAMES[reason]: self.drops[reason] for reason in range(DROP_REASONS)
                if self.drops != NULL and self.drops[reason]}

    @property
    def port_counts(self):
        """(packets in by pull port, packets out by push port): what has crossed each of the ports this end drives."""
        return ([self.inputs[i].packets for i in range(self.n_inputs)],
                [self.outputs[i].packets for i in range(self.n_outputs)])

    @property
    def tickets(self):
        """Share of the virtual CPU, 1 to 32768; None for an element without a task."""
        return self.task.tickets if self.uses_task else None

    @tickets.setter
    def tickets(self, uint32_t value):
        task_set_tickets(&self.task, value)

    @property
    def scheduled(self):
        """Whether the element's task is runnable."""
        return self.task.slot >= 0

    @property
    def runs(self):
        """How often the element's task has run."""
        return self.task.runs

    @property
    def cycles(self):
        """Time stamp counter ticks that the element's task has spent."""
        return self.task.cycles

    # What the router does with it

    def bind(self, router, VirtualCpu cpu not None, name, configuration, location, input_processing,
             output_processing):
        """Give the element its place: the router calls this once, before configure()."""
        cdef int i
        self.router = router
        self.cpu = cpu
        self.name = name
        self.configuration = configuration
        self.location = location
        self.input_processing = input_processing
        self.output_processing = output_processing
        self.n_inputs = len(input_processing)
        self.n_outputs = len(output_processing)
        self.vcpu = cpu.core
        self.run_queue = &cpu.run_queue
        self.timers = &cpu.timers
        self.inputs = <Port *>calloc(self.n_inputs + 1, sizeof(Port))
        self.outputs = <Port *>calloc(self.n_outputs + 1, sizeof(Port))
        self.tally = <uint32_t *>calloc(self.n_outputs + 1, sizeof(uint32_t))
        self.drops = <uint64_t *>calloc(DROP_REASONS, sizeof(uint64_t))
        if self.inputs == NULL or self.outputs == NULL or self.tally == NULL or self.drops == NULL:
            raise MemoryError(f"netos: no memory for the element {name}")
        for i in range(self.n_inputs):
            self.inputs[i] = Port(push_nowhere, pull_nothing, <void *>self, 0, 0, 0)
        for i in range(self.n_outputs):
            self.outputs[i] = Port(push_nowhere, pull_nothing, <void *>self, 0, 0, 0)
        task_init(&self.task, NULL, task_thunk, <void *>self)

    def connect(self, int output, Element target not None, int port):
        """Connect an output of this element to an input of another, the way the port is processed."""
        if self.output_processing[output] == "h":
            self.outputs[output] = Port(push_thunk, pull_thunk, <void *>target, port, 0, 0)
        else:
            target.inputs[port] = Port(push_thunk, pull_thunk, <void *>self, output, 0, 0)

    def stop(self):
        """Take the element's task off the run queue and its timers off the clock."""
        element_stop(self)

    def suspend(self):
        """Stand still, so that another graph can take over; resume() takes up again what was going on."""
        cdef Timer *timer = self.own_timers
        self.was_scheduled = self.task.slot >= 0
        while timer != NULL:
            timer.suspended = timer.slot >= 0
            timer = timer.sibling
        element_stop(self)

    def resume(self):
        """Go on after suspend()."""
        cdef Timer *timer = self.own_timers
        if self.was_scheduled:
            task_schedule(&self.task)
        while timer != NULL:
            if timer.suspended:
                timer_schedule(timer, timer.when)
            timer = timer.sibling

    def has_notifier(self, int output):
        """Whether the element itself knows if a pull from this output may bring something."""
        return self.notifier(output) != NULL

    # Python's way in, for tests and PyElements

    def push(self, int port, packets):
        """Push packets (netos.packet.Packet; their handles die) into an input, as one batch for each 256.

        When one of them cannot be pushed, this raises and all stay the caller's.
        """
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef VirtualCpu cpu = self.cpu
        cdef Packet packet
        cdef unsigned long before
        if not 0 <= port < self.n_inputs:
            raise IndexError(f"{self.name} has no input {port}")
        packets = list(packets)
        for item in packets:
            if not isinstance(item, Packet):
                raise TypeError(f"{self.name}: push() takes packets (see Router.packet), not {type(item).__name__}")
            (<Packet>item).check()
            vcpu_check((<Packet>item).vcpu)
        if len(set(map(id, packets))) < len(packets):
            raise ValueError(f"{self.name}: the same packet is pushed twice; push a clone()")
        for start in range(0, len(packets), BATCH_MAX):
            batch.packets = pointers
            batch.count = 0
            for packet in packets[start:start + BATCH_MAX]:
                cpu.adopt(packet)
                pointers[batch.count] = packet.give()
                batch.count += 1
            before = vcpu_begin(self.vcpu)
            with nogil:
                self.push_batch(port, &batch)
            vcpu_end(self.vcpu, before)
            cpu.deliver_events()
        self.wake()

    def pull(self, int port, uint32_t limit=1):
        """Pull up to `limit` packets (at most 256) from an output, as a list of Packet."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef VirtualCpu cpu = self.cpu
        if not 0 <= port < self.n_outputs:
            raise IndexError(f"{self.name} has no output {port}")
        batch.packets = pointers
        batch.count = 0
        cdef unsigned long before = vcpu_begin(self.vcpu)
        with nogil:
            self.pull_batch(port, min(limit, <uint32_t>BATCH_MAX), &batch)
        vcpu_end(self.vcpu, before)
        result = [packet_wrap(self.vcpu, cpu, pointers[i]) for i in range(batch.count)]
        cpu.deliver_events()
        self.wake()
        return result

    def wake(self):
        """Have the virtual CPU look at tasks and timers that were started from Python, perhaps while it slept."""
        cdef VirtualCpu cpu = self.cpu
        if not self.vcpu.clock.simulated:
            cpu.wake()

    # The data path

    cdef void process(self, Batch *batch) noexcept nogil:
        pass

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        self.process(batch)
        if batch.count and self.n_outputs:
            port_push(&self.outputs[0], batch)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef Batch pulled
        cdef uint32_t before = into.count
        if self.n_inputs == 0:
            return
        port_pull(&self.inputs[0], limit, into)
        pulled.packets = into.packets + before
        pulled.count = into.count - before
        if pulled.count:
            self.process(&pulled)
            into.count = before + pulled.count

    cdef bint run_task(self) noexcept nogil:
        return 0

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        pass

    cdef Notifier *notifier(self, int output) noexcept nogil:
        """The notifier that knows whether a pull from this output may bring something; NULL: ask further upstream."""
        return NULL

    cdef void drop(self, Descriptor *packet, int reason) noexcept nogil:
        """End the packet, counted here under `reason`."""
        self.drops[reason] += 1
        self.vcpu.dropped += 1
        if drop_hook != NULL:
            drop_hook(<void *>self, packet, reason)
        packet_release(self.vcpu, packet)

    cdef void drop_batch(self, Batch *batch, int reason) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            self.drop(batch.packets[i], reason)
        batch.count = 0

    cdef void missed(self, int reason) noexcept nogil:
        """Count a packet that should have been, and could not be made."""
        self.drops[reason] += 1
        self.vcpu.created += 1
        self.vcpu.dropped += 1

    cdef void reject(self, Descriptor *packet, int reason) noexcept nogil:
        """Send an unwanted packet out of output 1, if that is connected, else drop it."""
        if self.n_outputs > 1:
            self.send_one(1, packet)
        else:
            self.drop(packet, reason)

    cdef void send_one(self, int port, Descriptor *packet) noexcept nogil:
        """Push one packet out of an output."""
        cdef Batch batch
        cdef Descriptor *pointer = packet
        batch.packets = &pointer
        batch.count = 1
        port_push(&self.outputs[port], &batch)

    cdef void send_burst(self, int port, Batch *batch) noexcept nogil:
        """Push what a source made: as one batch, or one by one where order is observed."""
        cdef uint32_t i, count = batch.count
        if self.vcpu.width > 1 or count == 1:
            if count:
                port_push(&self.outputs[port], batch)
            return
        for i in range(count):
            self.send_one(port, batch.packets[i])
            if self.vcpu.events_count and self.vcpu.deliver != NULL:
                self.vcpu.deliver(self.vcpu.events_owner)

    cdef void start_timer(self, Timer *timer) noexcept nogil:
        """Make `timer` one of this element's: its expiry calls run_timer."""
        timer_init(timer, self.timers, timer_thunk, <void *>self)
        timer.sibling = self.own_timers
        self.own_timers = timer

    cdef void start_task(self, bint scheduled) noexcept nogil:
        """Give the element a task (in initialize); its runs call run_task."""
        self.uses_task = 1
        self.task.queue = self.run_queue
        if scheduled:
            task_schedule(&self.task)

    cdef void tell(self, int64_t kind, int64_t value) noexcept nogil:
        """Have deliver(kind, value) called, after the batch."""
        event_queue(self.vcpu, <void *>self, kind, value)

    cdef uint32_t burst(self, uint32_t configured) noexcept nogil:
        """How many packets one run may move: what is configured, or more where batches may be widened."""
        return min(max(configured, self.vcpu.widen), <uint32_t>BATCH_MAX)

    cdef int upstream_signal(self, int port, Signal *signal) except -1:
        """Derive the signal of a pull input whose pulling is done by this element's own task."""
        return self.derive_signal(port, signal, &self.task, NULL)

    cdef int derive_signal(self, int port, Signal *signal, Task *task, Notifier *follower) except -1:
        """Find all notifiers upstream of a pull input; have them wake the task, or the follower."""
        cdef Element element
        cdef Notifier *notifier
        cdef int output
        for element, output in self.router.upstream_notifiers(self, port):
            notifier = element.notifier(output) if element is not None else NULL
            if notifier == NULL:
                signal.always = 1
                continue
            signal_add(signal, notifier)
            if task != NULL:
                notifier_listen(notifier, task)
            if follower != NULL:
                notifier_follow(notifier, follower)
        return 0
