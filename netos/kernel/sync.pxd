"""Locks, conditions and semaphores for the tasks of one virtual CPU; see sync.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.kernel.clock cimport Clock
from netos.kernel.task cimport Task


cdef struct Waiter:             # a task's place in a queue; it lives in whoever owns the task, as a Timer does
    Task *task
    WaitQueue *queue            # where the task waits, or NULL
    Waiter *previous
    Waiter *next
    void *granted               # the semaphore that handed it a unit which it has not taken yet
    int64_t since               # when it began to wait, nanoseconds


cdef struct WaitQueue:          # first come, first served
    Waiter *first
    Waiter *last
    uint32_t count


cdef void waiter_init(Waiter *waiter, Task *task) noexcept nogil
cdef void waiter_leave(Waiter *waiter) noexcept nogil


cdef class Synchronizer:
    cdef readonly object cpu            # netos.kernel.vcpu.VirtualCpu, on which all the tasks run
    cdef readonly str name
    cdef Clock *clock
    cdef WaitQueue queue
    cdef readonly uint64_t acquisitions
    cdef readonly uint64_t contentions      # times somebody had to wait
    cdef readonly int64_t wait_total        # nanoseconds
    cdef readonly int64_t wait_maximum

    cdef void enqueue(self, Waiter *waiter) noexcept nogil
    cdef Waiter *dequeue(self) noexcept nogil


cdef class Lock(Synchronizer):
    cdef Waiter *holder

    cdef bint acquire(self, Waiter *waiter) noexcept nogil
    cdef bint release(self, Waiter *waiter) noexcept nogil
    cdef void withdraw(self, Waiter *waiter) noexcept nogil
    cdef void hand_over(self) noexcept nogil


cdef class Condition(Synchronizer):
    cdef readonly Lock lock

    cdef bint wait(self, Waiter *waiter) noexcept nogil
    cdef bint notify(self) noexcept nogil
    cdef uint32_t notify_all(self) noexcept nogil
    cdef void withdraw(self, Waiter *waiter) noexcept nogil


cdef class Semaphore(Synchronizer):
    cdef readonly uint32_t value        # units free
    cdef readonly uint32_t maximum

    cdef bint acquire(self, Waiter *waiter) noexcept nogil
    cdef bint release(self) noexcept nogil
    cdef void withdraw(self, Waiter *waiter) noexcept nogil
