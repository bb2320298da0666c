"""HostStack: netos's own protocol stack as an element: what comes in is for this host, what it sends goes out."""

from libc.stdint cimport int64_t, uint32_t

from netos.element cimport Element
from netos.kernel.clock cimport clock_steady
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.task cimport task_schedule
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule
from netos.packet cimport Batch
from netos.proto.host cimport Interface
from netos.proto.stack cimport Stack

from elements.host.stacks import stack_of
from netos.args import Bool, Ether, Integer, IPv4, IPv4Prefix, Word
from netos.handlers import read_handler


cdef void outbox_ready(void *element) noexcept nogil:
    notifier_wake(&(<HostStack>element).nonempty)


cdef class HostStack(Element):
    """The host's end of a link: frames that come in are for it, frames that it sends are pulled from output 0.

    ADDRESS is its IPv4 address on the link with the prefix, ETHER its Ethernet address, GATEWAY the router to everywhere
    else, MTU the link's. Without ETHER packets begin with their IP header. With OFFLOAD, the default, it sends segments
    of up to 64 KiB and partial checksums, which are completed where an element behind it cannot take them. Several
    HostStacks with the same STACK are interfaces of one host. The stack belongs to the virtual CPU: connections and
    listeners live on when the graph is replaced.
    Handlers: address, connections, counters (read).
    """

    ports = "1/1"
    processing = "h/l"
    flow = "x/y"
    handlers = ("address",)
    replicable = False

    cdef readonly object address
    cdef readonly Stack stack
    cdef object named
    cdef object options
    cdef uint32_t number            # of the interface
    cdef Interface *link
    cdef Notifier nonempty
    cdef Timer timer
    cdef bint told                  # that there are events

    def configure(self, address: IPv4Prefix() = None, *, ether: Ether = None, gateway: IPv4 = None,
                  mtu: Integer(minimum=68, maximum=65535) = 1500, offload: Bool = True, stack: Word = "default"):
        self.address = address
        self.options = (None if ether is None else bytes(ether), mtu, offload, gateway)
        self.named = stack_of(self.cpu, stack)
        self.stack = self.named.stack

    def initialize(self):
        ether, mtu, offload, gateway = self.options
        self.number = self.stack.set_interface(self.name, ether=ether, mtu=mtu, offload=offload)
        self.stack.set_addresses(self.name, [] if self.address is None else [str(self.address)], gateway)
        self.link = self.stack.interface(self.name)
        self.start_timer(&self.timer)
        self.start_task(True)
        self.attach()

    def attach(self):
        """Be who sends what the interface has to send, and hears of the stack's events."""
        self.link.ready = outbox_ready
        self.link.object = <void *>self
        self.link.up = True
        self.stack.on_work = self.work
        if self.link.outbox.count:
            notifier_wake(&self.nonempty)

    def cleanup(self):
        if self.link != NULL and self.link.object == <void *>self:
            self.link.ready = NULL
            self.link.object = NULL
            self.link.up = False
            if self.stack.on_work == self.work:
                self.stack.on_work = None

    def resume(self):
        self.initialize_again()
        Element.resume(self)

    def initialize_again(self):
        """After another graph had the interface: its settings are ours again."""
        ether, mtu, offload, gateway = self.options
        self.stack.set_interface(self.name, ether=ether, mtu=mtu, offload=offload)
        self.stack.set_addresses(self.name, [] if self.address is None else [str(self.address)], gateway)
        self.attach()
        task_schedule(&self.task)

    def __dealloc__(self):
        notifier_free(&self.nonempty)

    def work(self):
        """A user of the stack left something to do."""
        task_schedule(&self.task)
        self.wake()

    def deliver(self, kind, value):
        """Tell users what has happened to their endpoints."""
        self.told = False
        for owner, events in self.stack.events():
            if owner.user is not None:
                owner.user.stack_event(events)

    @read_handler
    def connections(self):
        """Connections: open, half open, in TIME-WAIT."""
        return "{} {} {}".format(*self.stack.tcp_count)

    @read_handler
    def counters(self):
        """What the stack has counted, one name and number a line."""
        return "".join(f"{name} {count}\n" for name, count in self.stack.counters.items() if count)

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.nonempty

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        self.stack.receive_batch(self.number, batch, clock_steady(&self.vcpu.clock))
        self.advance()

    cdef bint run_task(self) noexcept nogil:
        self.advance()
        return True

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        self.advance()

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        self.stack.take_batch(self.number, limit, into)
        if self.link.outbox.count == 0:
            notifier_sleep(&self.nonempty)
            if self.stack.has_work():
                task_schedule(&self.task)           # there is room again

    cdef void advance(self) noexcept nogil:
        """Let the stack do what is due, be called again in time, and tell its users what has happened."""
        cdef int64_t due
        self.stack.advance(clock_steady(&self.vcpu.clock))
        due = self.stack.due()
        if due >= 0:
            timer_schedule(&self.timer, due)
        else:
            timer_cancel(&self.timer)
        if self.stack.has_events() and not self.told:
            self.told = True
            self.tell(0, 0)
