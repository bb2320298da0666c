"""Notifiers: a queue tells the tasks that pull from it when there is something to pull (Click's Notifier)."""

from libc.stdint cimport uint32_t

from netos.kernel.inbox cimport Inbox, Request
from netos.kernel.task cimport Task


cdef struct Notifier:
    bint active
    uint32_t task_count
    uint32_t follower_count
    Task **tasks                # woken with it
    Notifier **followers        # notifiers further downstream, woken with it
    Inbox *inbox                # of the thread that wakes them, when another may say so; else NULL
    Request request


cdef struct Signal:             # what a puller derives from all notifiers upstream
    bint always                 # some source upstream has no notifier: never sleep
    uint32_t count
    Notifier **notifiers


cdef void notifier_free(Notifier *notifier) noexcept nogil
cdef int notifier_listen(Notifier *notifier, Task *task) except -1
cdef int notifier_follow(Notifier *notifier, Notifier *follower) except -1
cdef int signal_add(Signal *signal, Notifier *notifier) except -1
cdef void signal_free(Signal *signal) noexcept nogil
cdef void notifier_cross(Notifier *notifier, Inbox *inbox) noexcept nogil
cdef void notifier_wake_others(Notifier *notifier) noexcept nogil


cdef inline void notifier_wake(Notifier *notifier) noexcept nogil:
    """There is something to pull."""
    if not notifier.active:
        notifier.active = 1
        notifier_wake_others(notifier)


cdef inline void notifier_sleep(Notifier *notifier) noexcept nogil:
    """There is nothing to pull, until the next wake."""
    notifier.active = 0


cdef inline bint signal_active(Signal *signal) noexcept nogil:
    """Whether a pull may bring something: a task sleeps only while this is 0."""
    cdef uint32_t i
    if signal.always:
        return 1
    for i in range(signal.count):
        if signal.notifiers[i].active:
            return 1
    return 0
