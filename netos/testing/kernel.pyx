"""Tasks, timers and their waits for locks as Python objects, for the tests of the kernel."""

cimport cython

from netos.kernel.sync cimport Condition, Lock, Semaphore, Waiter, waiter_init
from netos.kernel.task cimport Task, task_cancel, task_init, task_schedule, task_scheduled, task_set_tickets
from netos.kernel.timer cimport Timer, timer_cancel, timer_init, timer_schedule, timer_scheduled
from netos.kernel.vcpu cimport VirtualCpu


cdef bint run_function(void *object) noexcept nogil:
    with gil:
        return (<KernelTask>object).call()


@cython.no_gc_clear
cdef class KernelTask:
    """A task of a virtual CPU whose runs call `function(task)`; an exception ends up in `error`."""

    cdef Task task
    cdef Waiter waiter
    cdef readonly VirtualCpu cpu
    cdef public object function
    cdef readonly object error
    cdef readonly object name
    cdef readonly list asked             # the locks and semaphores that know the task

    def __init__(self, VirtualCpu cpu not None, function, name=""):
        self.cpu = cpu
        self.function = function
        self.name = name
        self.asked = []
        cpu.reserve_tasks(1)
        task_init(&self.task, &cpu.run_queue, run_function, <void *>self)
        waiter_init(&self.waiter, &self.task)

    def __dealloc__(self):
        for what in self.asked or ():
            self.withdraw(what)
        task_cancel(&self.task)

    def __repr__(self):
        return f"<KernelTask {self.name}>"

    cdef bint call(self) noexcept:
        try:
            return bool(self.function(self))
        except BaseException as error:
            self.error = error
            return False

    def schedule(self):
        """Make the task runnable."""
        task_schedule(&self.task)

    def cancel(self):
        """Take the task off the run queue."""
        task_cancel(&self.task)

    @property
    def scheduled(self):
        """Whether the task is runnable."""
        return task_scheduled(&self.task)

    @property
    def runs(self):
        """How often the task has run."""
        return self.task.runs

    @property
    def tickets(self):
        """The task's share."""
        return self.task.tickets

    @tickets.setter
    def tickets(self, unsigned int value):
        task_set_tickets(&self.task, value)

    # What a task may ask of netos.kernel.sync; the answers are those of the C functions.

    def acquire(self, what):
        """Ask for a Lock or a unit of a Semaphore."""
        self.asked.append(what)
        if isinstance(what, Lock):
            return (<Lock>what).acquire(&self.waiter)
        return (<Semaphore?>what).acquire(&self.waiter)

    def release(self, what):
        """Give it back."""
        if isinstance(what, Lock):
            return (<Lock>what).release(&self.waiter)
        return (<Semaphore?>what).release()

    def wait(self, Condition condition not None):
        """Wait for a notification, giving up the condition's lock."""
        self.asked.append(condition)
        return condition.wait(&self.waiter)

    def withdraw(self, what):
        """Be forgotten by a Lock, Condition or Semaphore."""
        if isinstance(what, Lock):
            (<Lock>what).withdraw(&self.waiter)
        elif isinstance(what, Condition):
            (<Condition>what).withdraw(&self.waiter)
        else:
            (<Semaphore?>what).withdraw(&self.waiter)


def notify(Condition condition not None):
    """Wake the task that has waited longest; whether there was one."""
    return condition.notify()


def notify_all(Condition condition not None):
    """Wake all tasks that wait; how many there were."""
    return condition.notify_all()


cdef void expire_function(void *object, Timer *timer) noexcept nogil:
    with gil:
        (<KernelTimer>object).function(<object>object)


@cython.no_gc_clear
cdef class KernelTimer:
    """A timer of a virtual CPU whose expiry calls `function(timer)`."""

    cdef Timer timer
    cdef readonly VirtualCpu cpu
    cdef public object function
    cdef readonly object name

    def __init__(self, VirtualCpu cpu not None, function, name=""):
        self.cpu = cpu
        self.function = function
        self.name = name
        timer_init(&self.timer, &cpu.timers, expire_function, <void *>self)

    def __dealloc__(self):
        timer_cancel(&self.timer)

    def schedule(self, long long when):
        """Set the timer to a time in nanoseconds, or set it anew."""
        timer_schedule(&self.timer, when)

    def cancel(self):
        """Do not expire."""
        timer_cancel(&self.timer)

    @property
    def scheduled(self):
        """Whether the timer is set."""
        return timer_scheduled(&self.timer)
