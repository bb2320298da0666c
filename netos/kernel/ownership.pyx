"""Whose a virtual CPU is: where one graph runs on several threads, each is one's, and others use its inbox."""

from contextlib import contextmanager

from libc.stdint cimport uint32_t

from netos.kernel.guard cimport guard_enter_again, guard_leave_wholly, guard_make
from netos.kernel.inbox cimport inbox_serve, thread_self
from netos.kernel.vcpu cimport VirtualCpu


def share(VirtualCpu cpu not None):
    """From now on, threads that do not own it may schedule its tasks, set its timers and wake its notifiers."""
    cpu.run_queue.inbox = cpu.timers.inbox = &cpu.inbox


def own(VirtualCpu cpu not None):
    """Have it belong to the calling thread; whoever had it before stands still."""
    cpu.inbox.owner = thread_self()
    inbox_serve(&cpu.inbox)


def lend(VirtualCpu cpu not None):
    """Have it belong to nobody: the calling thread gives it up, and another will take it."""
    cpu.inbox.owner = 0


# A region has a virtual CPU that nobody runs: several threads work in it, one at a time.

def make_region(VirtualCpu cpu not None):
    """Make it the virtual CPU of a region."""
    cpu.guard = guard_make()
    cpu.core.deliver = NULL
    cpu.inbox.sleeping = 1


def region_calls(VirtualCpu region not None):
    """Whether deliver_region() is wanted."""
    return region.core.events_count > 0


def deliver_region(VirtualCpu region not None):
    """Deliver the events of a region in which nobody is, and be called again for the next ones."""
    region.wait(0)
    region.inbox.sleeping = 1


@contextmanager
def left(VirtualCpu region not None):
    """Let others into the region for a while, if the caller is in it."""
    cdef uint32_t depth = guard_leave_wholly(region.guard)
    try:
        yield
    finally:
        guard_enter_again(region.guard, depth)
