"""Timers of a graph: a heap ordered by time and, among equals, by the order of setting; exact under virtual time."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport realloc

from netos.kernel.inbox cimport Request, inbox_foreign, inbox_post


cdef bint timer_heap_room(TimerHeap *heap) noexcept nogil:
    """Room for one more timer; 0 when there is no memory (the timer is then not set)."""
    cdef void *larger
    if heap.count < heap.capacity:
        return 1
    larger = realloc(heap.heap, (2 * heap.capacity + 64) * sizeof(void *))
    if larger == NULL:
        return 0
    heap.heap = <Timer **>larger
    heap.capacity = 2 * heap.capacity + 64
    return 1


cdef void timer_init(Timer *timer, TimerHeap *heap, void (*expire)(void *, Timer *) noexcept nogil,
                     void *object) noexcept nogil:
    timer.expire = expire
    timer.object = object
    timer.heap = heap
    timer.when = 0
    timer.slot = -1
    timer.request = Request(NULL, 0, timer_obey, timer)


cdef inline bint expires_before(Timer *a, Timer *b) noexcept nogil:
    return a.when < b.when or (a.when == b.when and a.sequence < b.sequence)


cdef void sift_up(TimerHeap *heap, int32_t slot, Timer *timer) noexcept nogil:
    cdef int32_t parent
    while slot > 0:
        parent = (slot - 1) // 2
        if not expires_before(timer, heap.heap[parent]):
            break
        heap.heap[slot] = heap.heap[parent]
        heap.heap[slot].slot = slot
        slot = parent
    heap.heap[slot] = timer
    timer.slot = slot


cdef void sift_down(TimerHeap *heap, int32_t slot, Timer *timer) noexcept nogil:
    cdef int32_t child
    while True:
        child = 2 * slot + 1
        if child >= <int32_t>heap.count:
            break
        if child + 1 < <int32_t>heap.count and expires_before(heap.heap[child + 1], heap.heap[child]):
            child += 1
        if not expires_before(heap.heap[child], timer):
            break
        heap.heap[slot] = heap.heap[child]
        heap.heap[slot].slot = slot
        slot = child
    heap.heap[slot] = timer
    timer.slot = slot


cdef void timer_ask(Timer *timer, int64_t when) noexcept nogil:
    timer.wanted = when
    inbox_post(timer.heap.inbox, &timer.request)


cdef void timer_obey(void *object) noexcept nogil:
    cdef Timer *timer = <Timer *>object
    if timer.wanted >= 0:
        timer_schedule(timer, timer.wanted)
    else:
        timer_cancel(timer)


cdef void timer_schedule(Timer *timer, int64_t when) noexcept nogil:
    """Set the timer, or set it anew."""
    cdef TimerHeap *heap = timer.heap
    if heap == NULL:
        return
    if inbox_foreign(heap.inbox):
        timer_ask(timer, max(when, 0))
        return
    if timer.slot >= 0:
        take_off(timer)
    if not timer_heap_room(heap):
        return
    timer.when = when
    timer.sequence = heap.sequence
    heap.sequence += 1
    heap.count += 1
    sift_up(heap, <int32_t>(heap.count - 1), timer)


cdef void timer_cancel(Timer *timer) noexcept nogil:
    """Take the timer off its heap, if it is set."""
    if timer.slot < 0 and not timer.request.posted:
        return
    if inbox_foreign(timer.heap.inbox):
        timer_ask(timer, -1)
    elif timer.slot >= 0:
        take_off(timer)


cdef void take_off(Timer *timer) noexcept nogil:
    cdef TimerHeap *heap = timer.heap
    cdef Timer *last
    cdef int32_t slot = timer.slot
    timer.slot = -1
    heap.count -= 1
    last = heap.heap[heap.count]
    if last != timer:
        sift_down(heap, slot, last)
        sift_up(heap, last.slot, last)


cdef uint32_t timers_expire(TimerHeap *heap, int64_t now, uint32_t limit) noexcept nogil:
    """Run what has expired by `now`, at most `limit` timers; return how many ran."""
    cdef uint32_t ran = 0
    cdef Timer *timer
    while ran < limit and heap.count and heap.heap[0].when <= now:
        timer = heap.heap[0]
        take_off(timer)
        timer.expire(timer.object, timer)
        ran += 1
    return ran
