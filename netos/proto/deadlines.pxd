"""Deadlines of protocol machines: a heap in which each knows its place; see deadlines.pyx."""

from libc.stdint cimport int32_t, int64_t, uint32_t


cdef struct Deadline:
    int64_t when                # nanoseconds
    int32_t place               # in the heap, or -1
    void (*expire)(Deadline *deadline) noexcept nogil
    void *object


cdef struct Deadlines:
    Deadline **heap
    uint32_t count
    uint32_t capacity


cdef inline void deadline_init(Deadline *deadline, void (*expire)(Deadline *) noexcept nogil,
                               void *object) noexcept nogil:
    deadline.when = 0
    deadline.place = -1
    deadline.expire = expire
    deadline.object = object


cdef inline int64_t deadlines_next(const Deadlines *deadlines) noexcept nogil:
    """When the first is due, -1 when there is none."""
    return deadlines.heap[0].when if deadlines.count else -1


cdef void deadline_set(Deadlines *deadlines, Deadline *deadline, int64_t when) noexcept nogil
cdef void deadline_clear(Deadlines *deadlines, Deadline *deadline) noexcept nogil
cdef void deadlines_expire(Deadlines *deadlines, int64_t now) noexcept nogil
cdef void deadlines_free(Deadlines *deadlines) noexcept nogil
