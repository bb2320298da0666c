"""The threaded form of a virtual CPU: an OS thread of its own runs it without the GIL; asyncio stays the control plane.

Whoever wants to change or look at what the thread works on *pauses* it: the thread stops between two turns (a batch
boundary), the control plane does what it has to, and the thread goes on. Events of the data path are announced on a
descriptor and delivered by the control plane in such a pause.
"""

import os
import signal
import threading
from contextlib import contextmanager

cimport cython
from libc.stdint cimport uint64_t
from posix.unistd cimport write

from netos.kernel.inbox cimport thread_self
from netos.kernel.vcpu cimport VirtualCpu
from netos.packet_handle cimport SOME_THREAD, vcpu_check, vcpu_end

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_cond_init(pthread_cond_t *condition, void *attributes)
    int pthread_cond_destroy(pthread_cond_t *condition)
    int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
    int pthread_cond_broadcast(pthread_cond_t *condition)

cdef extern from *:
    """
    static inline int netos_get(int *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    static inline void netos_set(int *at, int value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
    """
    int atomic_get "netos_get"(int *at) noexcept nogil
    void atomic_set "netos_set"(int *at, int value) noexcept nogil


@cython.no_gc_clear
cdef class VcpuThread:
    """Runs a virtual CPU on a thread until close(); `core` pins it to that processor.

    `stopped` is called, on the control plane's side, when the virtual CPU was stopped from within.
    """

    cdef readonly VirtualCpu cpu
    cdef readonly object core
    cdef public object stopped
    cdef object thread
    cdef object loop
    cdef readonly int notify_fd     # readable when events wait, or the run has stopped
    cdef pthread_mutex_t mutex
    cdef pthread_cond_t changed
    cdef int pauses                 # who wants the thread to stand still, counted under the mutex
    cdef int holders                # those for whom it does, counted with the GIL: packets are theirs meanwhile
    cdef bint parked
    cdef int ending
    cdef int notified
    cdef uint64_t rests             # turns that found nothing to do while somebody waited for one, under the mutex
    cdef int resters

    def __init__(self, VirtualCpu cpu not None, core=None):
        self.cpu = cpu
        self.core = core
        self.notify_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __cinit__(self, *args, **kwargs):
        pthread_mutex_init(&self.mutex, NULL)
        pthread_cond_init(&self.changed, NULL)
        self.notify_fd = -1

    def __dealloc__(self):
        pthread_cond_destroy(&self.changed)
        pthread_mutex_destroy(&self.mutex)

    def start(self, loop=None):
        """Start the thread; `loop`, an asyncio loop, delivers events from now on."""
        self.cpu.core.deliver = NULL
        self.loop = loop
        if loop is not None:
            loop.add_reader(self.notify_fd, self.deliver)
        self.thread = threading.Thread(target=self.main, name=f"vcpu-{self.core if self.core is not None else 'any'}",
                                       daemon=True)
        vcpu_check(self.cpu.core)
        self.cpu.core.thread = SOME_THREAD
        try:
            self.thread.start()
        except BaseException:
            vcpu_end(self.cpu.core, 0)
            raise

    def close(self):
        """End the thread; harmless when called twice."""
        if self.thread is not None:
            atomic_set(&self.ending, 1)
            self.resume_all()
            self.cpu.wake()
            self.thread.join()
            self.thread = None
            vcpu_end(self.cpu.core, 0)
            self.cpu.deliver_events()
        if self.loop is not None:
            self.loop.remove_reader(self.notify_fd)
            self.loop = None
        if self.notify_fd >= 0:
            os.close(self.notify_fd)
            self.notify_fd = -1

    @property
    def alive(self):
        """Whether the thread runs."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def calling(self):
        """Whether deliver() is wanted."""
        return self.notified != 0

    @contextmanager
    def paused(self):
        """Hold the thread between two turns; pauses may nest. Without a thread there is nothing to hold."""
        if self.thread is None:
            yield
            return
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def pause(self):
        self.ask()
        self.wait()

    def ask(self):
        """Ask the thread to stand still, until resume()."""
        with nogil:
            pthread_mutex_lock(&self.mutex)
            self.pauses += 1
            pthread_mutex_unlock(&self.mutex)
        self.cpu.wake()

    def wait(self):
        """Wait until the thread that was asked to stands still."""
        cdef bint parked
        with nogil:
            pthread_mutex_lock(&self.mutex)
            while not self.parked and not atomic_get(&self.ending):
                pthread_cond_wait(&self.changed, &self.mutex)
            parked = self.parked
            pthread_mutex_unlock(&self.mutex)
        self.holders += 1
        if parked and self.holders == 1:
            vcpu_end(self.cpu.core, 0)

    def rest(self):
        """Wait until the thread has had a turn, begun or under way, in which there was nothing to do."""
        cdef uint64_t before
        with nogil:
            pthread_mutex_lock(&self.mutex)
            self.resters += 1
            before = self.rests
            pthread_mutex_unlock(&self.mutex)
        self.cpu.wake()
        with nogil:
            pthread_mutex_lock(&self.mutex)
            while self.rests == before and not self.cpu.stopped and not atomic_get(&self.ending):
                pthread_cond_wait(&self.changed, &self.mutex)
            self.resters -= 1
            pthread_mutex_unlock(&self.mutex)

    def resume(self):
        """Let the thread go on, as far as this ask() is concerned."""
        self.holders -= 1
        if self.holders == 0 and self.thread is not None:
            self.cpu.core.thread = SOME_THREAD
        with nogil:
            pthread_mutex_lock(&self.mutex)
            self.pauses -= 1
            pthread_cond_broadcast(&self.changed)
            pthread_mutex_unlock(&self.mutex)

    def resume_all(self):
        with nogil:
            pthread_mutex_lock(&self.mutex)
            pthread_cond_broadcast(&self.changed)
            pthread_mutex_unlock(&self.mutex)

    def deliver(self):
        """Deliver the events that wait, and hear of a stop; the loop calls this."""
        try:
            os.read(self.notify_fd, 8)
        except BlockingIOError:
            pass
        with self.paused():
            self.notified = 0
            self.cpu.deliver_events()
            stopped = self.cpu.ended()
            self.cpu.report_overrun()
        if stopped and self.stopped is not None:
            self.stopped()

    def main(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})
        with nogil:
            self.run()

    cdef void run(self) noexcept nogil:
        self.cpu.inbox.owner = self.cpu.core.thread = thread_self()
        while not atomic_get(&self.ending):
            if atomic_get(&self.pauses) or self.cpu.stopped:
                if self.cpu.stopped:
                    self.notify()
                self.park()
                continue
            if self.cpu.cycles_a_nanosecond == 0:
                self.cpu.calibrate()
            # The turn may have taken the wake-up that came with a wish: look again before sleeping.
            if not self.cpu.turn() and not atomic_get(&self.pauses) and not atomic_get(&self.ending):
                if atomic_get(&self.resters):
                    self.say_resting()
                self.cpu.set_timer()
                self.cpu.poll_devices(-1)
            if self.cpu.core.events_count:
                self.notify()
        pthread_mutex_lock(&self.mutex)
        self.parked = 1
        pthread_cond_broadcast(&self.changed)
        pthread_mutex_unlock(&self.mutex)

    cdef void say_resting(self) noexcept nogil:
        pthread_mutex_lock(&self.mutex)
        self.rests += 1
        pthread_cond_broadcast(&self.changed)
        pthread_mutex_unlock(&self.mutex)

    cdef void notify(self) noexcept nogil:
        """Have the control plane come; once, until it has come."""
        cdef uint64_t one = 1
        if not self.notified:
            self.notified = 1
            write(self.notify_fd, &one, 8)

    cdef void park(self) noexcept nogil:
        """Stand still while anybody wants it, and while stopped; a stop that comes meanwhile is announced."""
        cdef bint announced = self.cpu.stopped
        pthread_mutex_lock(&self.mutex)
        self.parked = 1
        pthread_cond_broadcast(&self.changed)
        while (self.pauses or self.cpu.stopped) and not atomic_get(&self.ending):
            if not self.pauses and not announced:
                announced = True
                self.notify()
            pthread_cond_wait(&self.changed, &self.mutex)
        self.cpu.inbox.owner = self.cpu.core.thread = thread_self()
        self.parked = 0
        pthread_mutex_unlock(&self.mutex)
