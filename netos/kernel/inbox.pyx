"""The inbox of a virtual CPU: what other threads want done to its tasks, timers and notifiers.

Where one graph runs on several virtual CPUs, a run queue and a timer heap still belong to one thread. Another that
schedules a task, sets a timer or wakes a notifier posts a request, which lies in the task, timer or notifier itself, so
that nothing is allocated and one that is posted twice is done once; the owner serves its inbox at each turn.
"""

from libc.stdint cimport uint64_t
from posix.unistd cimport write


cdef void wake_up(int event_fd) noexcept nogil:
    """Make an event descriptor readable."""
    cdef uint64_t one = 1
    write(event_fd, &one, 8)


cdef void inbox_post(Inbox *inbox, Request *request) noexcept nogil:
    """Have the owner act, once, soon; what it is to do was written to the request's object before."""
    if atomic_swap(&request.posted, 1):
        return
    pointer_put(&inbox.first, <void **>&request.next, request)
    fence()
    if inbox.sleeping and atomic_swap(&inbox.sleeping, 0):
        wake_up(inbox.event_fd)


cdef void inbox_serve(Inbox *inbox) noexcept nogil:
    """Do what was posted, in order; for the owner."""
    cdef Request *request = <Request *>pointer_take(&inbox.first)
    cdef Request *ordered = NULL
    cdef Request *next
    while request != NULL:
        next = request.next
        request.next = ordered
        ordered = request
        request = next
    while ordered != NULL:
        next = ordered.next
        atomic_swap(&ordered.posted, 0)
        ordered.act(ordered.object)
        ordered = next
