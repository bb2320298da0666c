"""Crossing: what lets one graph run on several virtual CPUs, each on a thread of its own; see netos.placement.

An element that one thread reaches is moved to the virtual CPU of that thread. Those that several reach form a region
with a virtual CPU of its own, which is only packet caches, staging and counts, and a guard: who enters by a port, a
task or a timer from outside waits until nobody else is inside.
"""

from libc.stdint cimport uint32_t

from netos.element cimport Element
from netos.kernel.task cimport task_cancel, task_schedule
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule, timer_scheduled
from netos.kernel.vcpu cimport VirtualCpu
from netos.packet cimport Batch
from netos.portpatch cimport PortPatch


cdef bint run_task_guarded(void *object) noexcept nogil:
    cdef void *region = (<Element>object).vcpu.events_owner
    cdef bint worked
    (<VirtualCpu>region).enter()
    worked = (<Element>object).run_task()
    (<VirtualCpu>region).leave()
    return worked


cdef void run_timer_guarded(void *object, Timer *timer) noexcept nogil:
    cdef void *region = (<Element>object).vcpu.events_owner
    (<VirtualCpu>region).enter()
    (<Element>object).run_timer(timer)
    (<VirtualCpu>region).leave()


cdef class Gate(PortPatch):
    """Stands at a port that leads into a region."""

    cdef VirtualCpu region

    def __init__(self, VirtualCpu region not None):
        self.region = region

    cdef void push(self, Batch *batch) noexcept nogil:
        self.region.enter()
        self.push_below(batch)
        self.region.leave()

    cdef void pull(self, uint32_t limit, Batch *into) noexcept nogil:
        self.region.enter()
        self.pull_below(limit, into)
        self.region.leave()


def has_timer(Element element not None):
    """Whether the element has a timer, set or not."""
    return element.own_timers != NULL


def move(Element element not None, VirtualCpu cpu not None, VirtualCpu home not None):
    """Have the element work with the packets of `cpu`, a region's perhaps, and its task and timers run on `home`.

    Nothing may run meanwhile. What else an element has on a virtual CPU, its method moved() moves.
    """
    cdef Timer *timer = element.own_timers
    cdef bint waiting
    element.cpu = cpu
    element.vcpu = cpu.core
    element.run_queue = &home.run_queue
    element.timers = &home.timers
    if element.task.queue != NULL:
        waiting = element.task.slot >= 0
        task_cancel(&element.task)
        element.task.queue = &home.run_queue
        if waiting:
            task_schedule(&element.task)
    if cpu.guard != NULL:
        element.task.run = run_task_guarded
    while timer != NULL:
        waiting = timer_scheduled(timer)
        timer_cancel(timer)
        timer.heap = &home.timers
        if waiting:
            timer_schedule(timer, timer.when)
        if cpu.guard != NULL:
            timer.expire = run_timer_guarded
        timer = timer.sibling
    if hasattr(element, "moved"):
        element.moved(cpu, home)
