"""Notifiers: a queue tells the tasks that pull from it when there is something to pull (Click's Notifier)."""

from libc.stdlib cimport free, realloc
from libc.stdint cimport uint32_t

from netos.kernel.inbox cimport Inbox, Request, inbox_foreign, inbox_post
from netos.kernel.task cimport Task, task_schedule


cdef int pointer_append(void ***array, uint32_t *count, void *item) except -1:
    cdef void *larger = realloc(array[0], (count[0] + 1) * sizeof(void *))
    if larger == NULL:
        raise MemoryError("netos: no memory for a notifier")
    array[0] = <void **>larger
    array[0][count[0]] = item
    count[0] += 1
    return 0


cdef int notifier_listen(Notifier *notifier, Task *task) except -1:
    """Have the task scheduled at each wake."""
    return pointer_append(<void ***>&notifier.tasks, &notifier.task_count, task)


cdef int notifier_follow(Notifier *notifier, Notifier *follower) except -1:
    """Have the follower woken at each wake."""
    return pointer_append(<void ***>&notifier.followers, &notifier.follower_count, follower)


cdef int signal_add(Signal *signal, Notifier *notifier) except -1:
    """Make the signal active while this notifier is."""
    cdef uint32_t i
    for i in range(signal.count):
        if signal.notifiers[i] == notifier:
            return 0
    return pointer_append(<void ***>&signal.notifiers, &signal.count, notifier)


cdef void notifier_free(Notifier *notifier) noexcept nogil:
    free(notifier.tasks)
    free(notifier.followers)
    notifier.tasks = NULL
    notifier.followers = NULL
    notifier.task_count = notifier.follower_count = 0


cdef void signal_free(Signal *signal) noexcept nogil:
    free(signal.notifiers)
    signal.notifiers = NULL
    signal.count = 0


cdef void notifier_cross(Notifier *notifier, Inbox *inbox) noexcept nogil:
    """Have those who are woken with it woken by the thread of this inbox, to which they belong; NULL: by the caller."""
    notifier.inbox = inbox
    notifier.request = Request(NULL, 0, wake_here, notifier)


cdef void wake_here(void *object) noexcept nogil:
    notifier_wake_others(<Notifier *>object)


cdef void notifier_wake_others(Notifier *notifier) noexcept nogil:
    cdef uint32_t i
    if inbox_foreign(notifier.inbox):
        inbox_post(notifier.inbox, &notifier.request)
        return
    for i in range(notifier.task_count):
        task_schedule(notifier.tasks[i])
    for i in range(notifier.follower_count):
        notifier_wake(notifier.followers[i])
