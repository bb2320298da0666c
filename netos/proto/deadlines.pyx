"""Deadlines of protocol machines: a heap in which each knows its place.

Not the timers of a graph: these belong to no virtual CPU, `now` is an argument. A connection has one of them, set at
the earliest of its timers or before: most acknowledgments then move a number and not the heap.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc


cdef void put(Deadlines *deadlines, int32_t place, Deadline *deadline) noexcept nogil:
    deadlines.heap[place] = deadline
    deadline.place = place


cdef void settle(Deadlines *deadlines, int32_t place, Deadline *deadline) noexcept nogil:
    """Put a deadline where it belongs, from a free place on, upwards or downwards."""
    cdef int32_t count = <int32_t>deadlines.count, other
    while place > 0 and deadlines.heap[(place - 1) // 2].when > deadline.when:
        put(deadlines, place, deadlines.heap[(place - 1) // 2])
        place = (place - 1) // 2
    while True:
        other = 2 * place + 1
        if other + 1 < count and deadlines.heap[other + 1].when < deadlines.heap[other].when:
            other += 1
        if other >= count or deadlines.heap[other].when >= deadline.when:
            break
        put(deadlines, place, deadlines.heap[other])
        place = other
    put(deadlines, place, deadline)


cdef void deadline_set(Deadlines *deadlines, Deadline *deadline, int64_t when) noexcept nogil:
    """Be called at a time, or at another than before; without memory for it, not at all."""
    cdef void *larger
    if deadline.place < 0:
        if deadlines.count == deadlines.capacity:
            larger = realloc(deadlines.heap, (2 * deadlines.capacity + 64) * sizeof(void *))
            if larger == NULL:
                return
            deadlines.heap = <Deadline **>larger
            deadlines.capacity = 2 * deadlines.capacity + 64
        deadline.place = <int32_t>deadlines.count
        deadlines.count += 1
        deadlines.heap[deadline.place] = deadline
    deadline.when = when
    settle(deadlines, deadline.place, deadline)


cdef void deadline_clear(Deadlines *deadlines, Deadline *deadline) noexcept nogil:
    """Not be called any more."""
    cdef int32_t place = deadline.place
    cdef Deadline *last
    if place < 0:
        return
    deadline.place = -1
    deadlines.count -= 1
    last = deadlines.heap[deadlines.count]
    if last != deadline:
        settle(deadlines, place, last)


cdef void deadlines_expire(Deadlines *deadlines, int64_t now) noexcept nogil:
    """Call all that are due, the earliest first; what they set anew for now or before is called, too."""
    cdef Deadline *due
    while deadlines.count and deadlines.heap[0].when <= now:
        due = deadlines.heap[0]
        deadline_clear(deadlines, due)
        due.expire(due)


cdef void deadlines_free(Deadlines *deadlines) noexcept nogil:
    free(deadlines.heap)
    deadlines.heap = NULL
    deadlines.count = deadlines.capacity = 0
