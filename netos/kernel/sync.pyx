"""Locks, conditions and semaphores for the tasks of one virtual CPU (after Hoare's monitors, hand-over on release).

A task runs to completion, so it cannot block. It asks, and hears at once whether it has what it asked for; if not, it
stands in the queue and returns. What is given back goes to the first in the queue, whose task is scheduled; its run
asks again and hears yes. Nobody can get in between, so no wake-up is lost and none is in vain. A task waits for one
thing at a time: until it gets that, whatever else it asks for is refused. A task that goes away withdraws first.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t

from netos.kernel.clock cimport clock_peek
from netos.kernel.task cimport Task, task_schedule
from netos.kernel.vcpu cimport VirtualCpu


cdef void waiter_init(Waiter *waiter, Task *task) noexcept nogil:
    """Make `waiter` the place in queues of `task`."""
    waiter.task = task
    waiter.queue = NULL
    waiter.previous = waiter.next = NULL
    waiter.granted = NULL
    waiter.since = 0


cdef void queue_append(WaitQueue *queue, Waiter *waiter) noexcept nogil:
    waiter.queue = queue
    waiter.previous = queue.last
    waiter.next = NULL
    if queue.last == NULL:
        queue.first = waiter
    else:
        queue.last.next = waiter
    queue.last = waiter
    queue.count += 1


cdef void queue_remove(WaitQueue *queue, Waiter *waiter) noexcept nogil:
    if waiter.previous == NULL:
        queue.first = waiter.next
    else:
        waiter.previous.next = waiter.next
    if waiter.next == NULL:
        queue.last = waiter.previous
    else:
        waiter.next.previous = waiter.previous
    waiter.previous = waiter.next = NULL
    waiter.queue = NULL
    queue.count -= 1


cdef void waiter_leave(Waiter *waiter) noexcept nogil:
    """Take the waiter out of the queue it stands in, if any: for an owner that goes away without having withdrawn."""
    if waiter.queue != NULL:
        queue_remove(waiter.queue, waiter)


cdef inline object task_owner(Waiter *waiter):
    return <object>waiter.task.object


@cython.no_gc_clear
cdef class Synchronizer:
    """What the three kinds share: a queue of tasks, and how long they stood in it."""

    def __init__(self, VirtualCpu cpu not None, str name=""):
        self.cpu = cpu
        self.name = name
        self.clock = &cpu.core.clock

    def __dealloc__(self):
        while self.queue.first != NULL:
            queue_remove(&self.queue, self.queue.first)

    @property
    def waiters(self):
        """The elements whose tasks wait, the next to be served first."""
        found = []
        cdef Waiter *waiter = self.queue.first
        while waiter != NULL:
            found.append(task_owner(waiter))
            waiter = waiter.next
        return found

    @property
    def statistics(self):
        """Acquisitions, how many of them had to wait, and how long they waited in all and at most (nanoseconds)."""
        return {"acquisitions": self.acquisitions, "contentions": self.contentions, "wait_total": self.wait_total,
                "wait_maximum": self.wait_maximum}

    cdef void enqueue(self, Waiter *waiter) noexcept nogil:
        self.contentions += 1
        waiter.since = clock_peek(self.clock)
        queue_append(&self.queue, waiter)

    cdef Waiter *dequeue(self) noexcept nogil:
        """Take the first out of the queue, its wait counted; NULL when nobody waits."""
        cdef Waiter *waiter = self.queue.first
        cdef int64_t waited
        if waiter != NULL:
            queue_remove(&self.queue, waiter)
            waited = clock_peek(self.clock) - waiter.since
            self.wait_total += waited
            self.wait_maximum = max(self.wait_maximum, waited)
        return waiter


cdef class Lock(Synchronizer):
    """One owner at a time; not recursive: the owner who asks again hears that it has the lock."""

    @property
    def owner(self):
        """The element whose task has the lock, or None."""
        return None if self.holder == NULL else task_owner(self.holder)

    cdef bint acquire(self, Waiter *waiter) noexcept nogil:
        """Whether the task has the lock now; if not, it is scheduled when it has."""
        if self.holder == waiter:
            return 1
        if waiter.queue != NULL:
            return 0
        if self.holder != NULL:
            self.enqueue(waiter)
            return 0
        self.holder = waiter
        self.acquisitions += 1
        return 1

    cdef bint release(self, Waiter *waiter) noexcept nogil:
        """Hand the lock to the first in the queue; 0, and nothing done, when the task has not got it."""
        if self.holder != waiter:
            return 0
        self.hand_over()
        return 1

    cdef void hand_over(self) noexcept nogil:
        self.holder = self.dequeue()
        if self.holder != NULL:
            self.acquisitions += 1
            task_schedule(self.holder.task)

    cdef void withdraw(self, Waiter *waiter) noexcept nogil:
        """Forget a task that goes away: it leaves the queue, or gives the lock back."""
        if waiter.queue == &self.queue:
            queue_remove(&self.queue, waiter)
        self.release(waiter)


cdef class Condition(Synchronizer):
    """Something that the owners of a lock wait for, giving the lock up meanwhile; `acquisitions` counts wake-ups."""

    def __init__(self, Lock lock not None, str name=""):
        Synchronizer.__init__(self, lock.cpu, name)
        self.lock = lock

    @property
    def owner(self):
        """The owner of the lock."""
        return self.lock.owner

    cdef bint wait(self, Waiter *waiter) noexcept nogil:
        """Give the lock up until notified; 0, and nothing done, when the task has not got it.

        The task is scheduled when it is notified and has the lock again: then `lock.acquire` says yes.
        """
        if self.lock.holder != waiter:
            return 0
        self.enqueue(waiter)
        self.lock.hand_over()
        return 1

    cdef bint notify(self) noexcept nogil:
        """Let the one that waits longest ask for the lock; 0 when nobody waits."""
        cdef Waiter *waiter = self.dequeue()
        if waiter == NULL:
            return 0
        self.acquisitions += 1
        if self.lock.acquire(waiter):
            task_schedule(waiter.task)
        return 1

    cdef uint32_t notify_all(self) noexcept nogil:
        """Let all that wait ask for the lock, in order; return how many."""
        cdef uint32_t _i, count = self.queue.count
        for _i in range(count):
            self.notify()
        return count

    cdef void withdraw(self, Waiter *waiter) noexcept nogil:
        """Forget a task that goes away: it leaves the queue, and the lock."""
        if waiter.queue == &self.queue:
            queue_remove(&self.queue, waiter)
        self.lock.withdraw(waiter)


cdef class Semaphore(Synchronizer):
    """A number of equal units, each held by one task at a time; a task may hold several, taken one by one."""

    def __init__(self, VirtualCpu cpu not None, uint32_t value, uint32_t maximum=0xffffffff, str name=""):
        if value > maximum:
            raise ValueError(f"a semaphore of at most {maximum} units cannot begin with {value}")
        Synchronizer.__init__(self, cpu, name)
        self.value = value
        self.maximum = maximum

    cdef bint acquire(self, Waiter *waiter) noexcept nogil:
        """Whether the task has got a unit; if not, it is scheduled when one is handed to it."""
        if waiter.granted == <void *>self:
            waiter.granted = NULL
            return 1
        if waiter.queue != NULL or waiter.granted != NULL:
            return 0
        if self.value == 0:
            self.enqueue(waiter)
            return 0
        self.value -= 1
        self.acquisitions += 1
        return 1

    cdef bint release(self) noexcept nogil:
        """Give a unit back, to the first in the queue if there is one; 0 when there are `maximum` already."""
        cdef Waiter *waiter = self.dequeue()
        if waiter != NULL:
            waiter.granted = <void *>self
            self.acquisitions += 1
            task_schedule(waiter.task)
            return 1
        if self.value == self.maximum:
            return 0
        self.value += 1
        return 1

    cdef void withdraw(self, Waiter *waiter) noexcept nogil:
        """Forget a task that goes away: it leaves the queue, and a unit that it has not taken goes on."""
        if waiter.queue == &self.queue:
            queue_remove(&self.queue, waiter)
        if waiter.granted == <void *>self:
            waiter.granted = NULL
            self.release()
