"""Queue: store packets between a pusher and a puller, first in, first out (Click's Queue)."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from netos.element cimport Element
from netos.kernel.inbox cimport fence
from netos.kernel.notifier cimport Notifier, notifier_cross, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.vcpu cimport VirtualCpu
from netos.packet cimport DROP_CLOSED, DROP_QUEUE_FULL, Batch, Descriptor

from netos.args import Integer
from netos.handlers import read_handler, write_handler


cdef extern from *:
    """
    static inline uint32_t netos_acquire(uint32_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    static inline void netos_release(uint32_t *at, uint32_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
    """
    uint32_t acquire "netos_acquire"(uint32_t *at) noexcept nogil
    void release "netos_release"(uint32_t *at, uint32_t value) noexcept nogil


cdef class Queue(Element):
    """Keep up to CAPACITY packets; drop what comes when full, or send it out of output 1, a push output.

    Its notifier sleeps when it is found empty and wakes the pullers at the next packet. One thread may push while
    another pulls: only the pusher writes `last`, only the puller `first`.
    Handlers: length, highwater_length, drops (read), capacity (read, write), reset, reset_counts (write).
    """

    ports = "1/1-2"
    processing = "h/lh"
    handlers = ("capacity", "highwater_length")
    combine = {"highwater_length": "max"}
    shared = True

    def configure(self, capacity: Integer(minimum=1, maximum=1 << 24) = 1000):
        self.resize(capacity)

    def cleanup(self):
        while self.first != self.last:
            self.drop(self.ring[self.first & (self.slots - 1)], DROP_CLOSED)
            self.first += 1

    def __dealloc__(self):
        free(self.ring)
        notifier_free(&self.nonempty)

    cdef int resize(self, uint32_t capacity) except -1:
        """Make room for `capacity` packets; what does not fit any more is dropped, newest first."""
        cdef uint32_t slots = 1, kept = 0
        while slots < capacity:
            slots *= 2
        cdef Descriptor **ring = <Descriptor **>malloc(slots * sizeof(void *))
        if ring == NULL:
            raise MemoryError(f"{self.name}: no memory for {capacity} packets")
        while self.first != self.last:
            packet = self.ring[self.first & (self.slots - 1)]
            self.first += 1
            if kept < capacity:
                ring[kept] = packet
                kept += 1
            else:
                self.drop(packet, DROP_QUEUE_FULL)
        free(self.ring)
        self.ring, self.slots, self.first, self.last, self.capacity = ring, slots, 0, kept, capacity
        return 0

    def take_state(self, Queue old):
        """Take the packets of the queue this one replaces; those that do not fit are dropped, newest first."""
        while old.first != old.last:
            packet = old.ring[old.first & (old.slots - 1)]
            old.first += 1
            if self.last - self.first < self.capacity:
                self.ring[self.last & (self.slots - 1)] = packet
                self.last += 1
            else:
                self.drop(packet, DROP_QUEUE_FULL)
        self.highwater_length = max(self.highwater_length, self.last - self.first)
        if self.first != self.last:
            notifier_wake(&self.nonempty)

    def cross(self, VirtualCpu puller):
        """Another thread pulls than the one that pushes: that of `puller`. None: the same one does both."""
        self.crossed = puller is not None
        notifier_cross(&self.nonempty, &puller.inbox if puller is not None else NULL)

    @read_handler
    def length(self):
        """Packets waiting."""
        return self.last - self.first

    @read_handler("drops")
    def dropped(self):
        """Packets that found the queue full."""
        return self.drops[DROP_QUEUE_FULL]

    @write_handler("capacity")
    def set_capacity(self, capacity: Integer(minimum=1, maximum=1 << 24)):
        """Change the capacity."""
        self.resize(capacity)

    @write_handler
    def reset_counts(self):
        """Zero the high-water mark and the count of drops."""
        self.highwater_length = 0
        self.drops[DROP_QUEUE_FULL] = 0

    @write_handler
    def reset(self):
        """Drop what is waiting, and zero the counts."""
        self.cleanup()
        self.reset_counts()

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.nonempty if output == 0 else NULL

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i, last = self.last, mask = self.slots - 1
        cdef uint32_t waiting = last - acquire(&self.first)
        cdef uint32_t taken = min(batch.count, self.capacity - waiting)
        for i in range(taken):
            self.ring[(last + i) & mask] = batch.packets[i]
        release(&self.last, last + taken)
        if waiting + taken > self.highwater_length:
            self.highwater_length = waiting + taken
        if self.crossed:
            fence()                 # the puller, about to sleep, sees these packets, or this sees that it sleeps
        if taken:
            notifier_wake(&self.nonempty)
        for i in range(taken, batch.count):
            self.reject(batch.packets[i], DROP_QUEUE_FULL)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t i, first = self.first, mask = self.slots - 1
        cdef uint32_t waiting = acquire(&self.last) - first
        cdef uint32_t taken = min(limit, waiting)
        for i in range(taken):
            into.packets[into.count + i] = self.ring[(first + i) & mask]
        into.count += taken
        release(&self.first, first + taken)
        if taken == waiting:
            notifier_sleep(&self.nonempty)
            if self.crossed:
                fence()
                if acquire(&self.last) != first + taken:
                    notifier_wake(&self.nonempty)
