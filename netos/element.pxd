"""Elements: what a graph is made of, and the ports between them."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.kernel.notifier cimport Notifier, Signal
from netos.kernel.task cimport RunQueue, Task
from netos.kernel.timer cimport Timer, TimerHeap
from netos.packet cimport Batch, Descriptor, Vcpu

ctypedef void (*PushFunction)(void *object, int port, Batch *batch) noexcept nogil
ctypedef void (*PullFunction)(void *object, int port, uint32_t limit, Batch *into) noexcept nogil


cdef enum:                      # kinds of event that every element understands; an element's own are from 0 on
    EVENT_STOP = -1             # stop the router
    EVENT_CALL = -2             # call self.calls[value], a netos.args.HandlerReference


cdef struct Port:               # the one indirection between elements: count, trace and capture patch it
    PushFunction push
    PullFunction pull
    void *object
    int port                    # of the element at the other end
    uint64_t packets            # that have passed
    uint64_t bytes              # counted only while somebody patched in a byte counter


cdef inline void port_push(Port *port, Batch *batch) noexcept nogil:
    """Give the batch away through an output."""
    port.packets += batch.count
    port.push(port.object, port.port, batch)


cdef inline void port_pull(Port *port, uint32_t limit, Batch *into) noexcept nogil:
    """Append up to `limit` packets from an input; nothing appended does not mean that upstream is empty."""
    cdef uint32_t before = into.count
    port.pull(port.object, port.port, limit, into)
    port.packets += into.count - before


cdef class Element:
    cdef Vcpu *vcpu
    cdef Port *inputs
    cdef Port *outputs
    cdef readonly int n_inputs
    cdef readonly int n_outputs
    cdef uint32_t *tally            # one a output: emit counts here
    cdef uint64_t *drops            # by reason
    cdef Task task
    cdef RunQueue *run_queue
    cdef TimerHeap *timers
    cdef Timer *own_timers          # linked by `sibling`
    cdef readonly bint uses_task
    cdef bint was_scheduled         # when the element was suspended
    cdef readonly str name
    cdef public str configuration   # the text between the parentheses
    cdef readonly object location   # netos.errors.Location, where the element was declared
    cdef readonly object router     # netos.router.Router
    cdef readonly object cpu        # netos.kernel.vcpu.VirtualCpu
    cdef readonly str input_processing      # "h" (push) or "l" (pull) for each port, set before configure()
    cdef readonly str output_processing
    cdef public list calls          # handler calls that the data path may ask for
    cdef object __weakref__
    cdef dict __dict__

    # What a data-path class overrides: one of the first three, and perhaps the last two.
    cdef void process(self, Batch *batch) noexcept nogil
    cdef void push_batch(self, int port, Batch *batch) noexcept nogil
    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil
    cdef bint run_task(self) noexcept nogil
    cdef void run_timer(self, Timer *timer) noexcept nogil
    cdef Notifier *notifier(self, int output) noexcept nogil

    # What it calls
    cdef void drop(self, Descriptor *packet, int reason) noexcept nogil
    cdef void drop_batch(self, Batch *batch, int reason) noexcept nogil
    cdef void missed(self, int reason) noexcept nogil
    cdef void reject(self, Descriptor *packet, int reason) noexcept nogil
    cdef void send_one(self, int port, Descriptor *packet) noexcept nogil
    cdef void send_burst(self, int port, Batch *batch) noexcept nogil
    cdef void start_timer(self, Timer *timer) noexcept nogil
    cdef void start_task(self, bint scheduled) noexcept nogil
    cdef void tell(self, int64_t kind, int64_t value) noexcept nogil
    cdef uint32_t burst(self, uint32_t configured) noexcept nogil
    cdef int upstream_signal(self, int port, Signal *signal) except -1
    cdef int derive_signal(self, int port, Signal *signal, Task *task, Notifier *follower) except -1
