"""What elements that choose among pull inputs share: a signal an input; see pull_scheduler.pyx."""

from netos.element cimport Element
from netos.kernel.notifier cimport Signal


cdef class PullScheduler(Element):
    cdef Signal *signals        # one an input: whether a pull from it may bring something
