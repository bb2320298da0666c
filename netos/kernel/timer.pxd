"""Timers of a graph: a heap ordered by time and, among equals, by the order of setting; exact under virtual time."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from netos.kernel.inbox cimport Inbox, Request


cdef struct Timer:
    void (*expire)(void *object, Timer *timer) noexcept nogil
    void *object
    TimerHeap *heap
    int64_t when            # nanoseconds, steady clock
    uint64_t sequence
    int32_t slot            # in the heap, or -1
    Timer *sibling          # next timer of the same owner
    bint suspended          # was set when its owner was suspended
    Request request         # of another thread
    int64_t wanted          # what that asks: when to expire, or -1: not to


cdef struct TimerHeap:
    Timer **heap
    uint32_t count
    uint32_t capacity
    uint64_t sequence
    Inbox *inbox            # of the thread that alone may touch the heap; NULL: there are no others


cdef void timer_init(Timer *timer, TimerHeap *heap, void (*expire)(void *, Timer *) noexcept nogil,
                     void *object) noexcept nogil
cdef void timer_schedule(Timer *timer, int64_t when) noexcept nogil
cdef void timer_cancel(Timer *timer) noexcept nogil
cdef uint32_t timers_expire(TimerHeap *heap, int64_t now, uint32_t limit) noexcept nogil
cdef bint timer_heap_room(TimerHeap *heap) noexcept nogil


cdef inline bint timer_scheduled(Timer *timer) noexcept nogil:
    return timer.slot >= 0


cdef inline int64_t timers_next(TimerHeap *heap) noexcept nogil:
    """When the next timer expires, or -1 when none is set."""
    return heap.heap[0].when if heap.count else -1
