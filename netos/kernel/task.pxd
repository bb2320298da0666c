"""Tasks: who runs next, by stride scheduling (Waldspurger and Weihl, 1995); tickets count runs, as in Click."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from netos.kernel.inbox cimport Inbox, Request


cdef enum:
    STRIDE_ONE = 65536      # the stride of one ticket
    TICKETS_DEFAULT = 1024
    TICKETS_MAX = 32768


cdef struct Task:
    bint (*run)(void *object) noexcept nogil    # answers whether it did any work
    void *object
    RunQueue *queue
    uint64_t position_in_time   # the task's `pass`: the lowest runs next
    uint64_t sequence           # order of arrival, among equals
    uint32_t tickets
    int32_t slot                # in the queue's heap, or -1
    bint running
    uint64_t runs
    uint64_t cycles             # time stamp counter ticks spent, for the watchdog and `netos top`
    Request request             # of another thread
    bint wanted                 # what that asks: to run, or not to run


cdef struct RunQueue:
    Task **heap
    uint32_t count
    uint32_t capacity
    uint64_t now                # `pass` of the task that ran last
    uint64_t sequence
    uint64_t runs
    Inbox *inbox                # of the thread that alone may touch the queue; NULL: there are no others


cdef int run_queue_room(RunQueue *queue, uint32_t tasks) except -1
cdef void task_init(Task *task, RunQueue *queue, bint (*run)(void *) noexcept nogil, void *object) noexcept nogil
cdef void task_schedule(Task *task) noexcept nogil
cdef void task_cancel(Task *task) noexcept nogil
cdef void task_set_tickets(Task *task, uint32_t tickets) noexcept nogil
cdef Task *run_queue_take(RunQueue *queue) noexcept nogil


cdef inline bint task_scheduled(Task *task) noexcept nogil:
    return task.slot >= 0
