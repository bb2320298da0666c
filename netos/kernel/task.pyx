"""Tasks: who runs next, by stride scheduling (Waldspurger and Weihl, 1995); tickets count runs, as in Click."""

from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport realloc

from netos.kernel.inbox cimport Request, inbox_foreign, inbox_post


cdef int run_queue_room(RunQueue *queue, uint32_t tasks) except -1:
    """Make room for that many tasks, so that scheduling never allocates."""
    cdef void *heap
    if tasks > queue.capacity:
        heap = realloc(queue.heap, tasks * sizeof(void *))
        if heap == NULL:
            raise MemoryError("netos: no memory for the run queue")
        queue.heap = <Task **>heap
        queue.capacity = tasks
    return 0


cdef void task_init(Task *task, RunQueue *queue, bint (*run)(void *) noexcept nogil, void *object) noexcept nogil:
    task.run = run
    task.object = object
    task.queue = queue
    task.position_in_time = 0
    task.tickets = TICKETS_DEFAULT
    task.slot = -1
    task.running = 0
    task.runs = task.cycles = 0
    task.request = Request(NULL, 0, task_obey, task)


cdef inline bint runs_before(Task *a, Task *b) noexcept nogil:
    if a.position_in_time != b.position_in_time:
        return a.position_in_time < b.position_in_time
    return a.sequence < b.sequence


cdef void sift_up(RunQueue *queue, int32_t slot, Task *task) noexcept nogil:
    cdef int32_t parent
    while slot > 0:
        parent = (slot - 1) // 2
        if not runs_before(task, queue.heap[parent]):
            break
        queue.heap[slot] = queue.heap[parent]
        queue.heap[slot].slot = slot
        slot = parent
    queue.heap[slot] = task
    task.slot = slot


cdef void sift_down(RunQueue *queue, int32_t slot, Task *task) noexcept nogil:
    cdef int32_t child
    while True:
        child = 2 * slot + 1
        if child >= <int32_t>queue.count:
            break
        if child + 1 < <int32_t>queue.count and runs_before(queue.heap[child + 1], queue.heap[child]):
            child += 1
        if not runs_before(queue.heap[child], task):
            break
        queue.heap[slot] = queue.heap[child]
        queue.heap[slot].slot = slot
        slot = child
    queue.heap[slot] = task
    task.slot = slot


cdef void task_ask(Task *task, bint wanted) noexcept nogil:
    task.wanted = wanted
    inbox_post(task.queue.inbox, &task.request)


cdef void task_obey(void *object) noexcept nogil:
    cdef Task *task = <Task *>object
    if task.wanted:
        task_schedule(task)
    else:
        task_cancel(task)


# Called by way of a pointer, which keeps it out of task_schedule: that runs for every burst, and saves no registers so.
cdef void (*schedule_slowly)(Task *task) noexcept nogil
schedule_slowly = schedule_shared


cdef void task_schedule(Task *task) noexcept nogil:
    """Make the task runnable. From within its own run it has used a share; after a sleep it saved up none."""
    if task.slot >= 0 or task.queue == NULL:
        return
    if task.queue.inbox != NULL:
        schedule_slowly(task)
    else:
        schedule_here(task)


cdef void schedule_shared(Task *task) noexcept nogil:
    if inbox_foreign(task.queue.inbox):
        task_ask(task, 1)
    else:
        schedule_here(task)


cdef inline void schedule_here(Task *task) noexcept nogil:
    cdef RunQueue *queue = task.queue
    if task.running:
        task.position_in_time += STRIDE_ONE * TICKETS_DEFAULT // task.tickets
    elif task.position_in_time < queue.now:
        task.position_in_time = queue.now
    task.sequence = queue.sequence
    queue.sequence += 1
    queue.count += 1
    sift_up(queue, <int32_t>(queue.count - 1), task)


cdef void task_cancel(Task *task) noexcept nogil:
    """Take the task off its queue, if it is on it."""
    if task.slot < 0 and not task.request.posted:
        return
    if inbox_foreign(task.queue.inbox):
        task_ask(task, 0)
    elif task.slot >= 0:
        take_off(task)


cdef void take_off(Task *task) noexcept nogil:
    cdef RunQueue *queue = task.queue
    cdef Task *last
    cdef int32_t slot = task.slot
    task.slot = -1
    queue.count -= 1
    last = queue.heap[queue.count]
    if last != task:
        sift_down(queue, slot, last)
        sift_up(queue, last.slot, last)


cdef void task_set_tickets(Task *task, uint32_t tickets) noexcept nogil:
    """Give the task its share, 1 to TICKETS_MAX; it holds from the next run on."""
    task.tickets = min(max(tickets, 1), <uint32_t>TICKETS_MAX)


cdef Task *run_queue_take(RunQueue *queue) noexcept nogil:
    """The task that runs next, taken off the queue; NULL when none is runnable."""
    cdef Task *task
    if queue.count == 0:
        return NULL
    task = queue.heap[0]
    take_off(task)
    queue.now = task.position_in_time
    queue.runs += 1
    task.runs += 1
    return task
