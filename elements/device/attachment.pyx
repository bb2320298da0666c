"""A device on its virtual CPU: who reads it, who waits for room in it, and what happens when it vanishes.

A device in trouble is said once in the log, and tried again after a while, less and less often; packets to it are
dropped meanwhile and everything else goes on.
"""

import logging
import os

cimport cython
from libc.errno cimport EAGAIN, EIO
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.drivers.device cimport Device
from netos.kernel.clock cimport clock_steady
from netos.kernel.task cimport Task, task_schedule
from netos.kernel.timer cimport Timer, timer_cancel, timer_init, timer_schedule, timer_scheduled
from netos.kernel.vcpu cimport VirtualCpu, Watch
from netos.packet cimport (
    TO_BROADCAST, TO_MULTICAST, TO_OTHER_HOST, Batch, Descriptor, event_queue, events_forget, packet_set_mac,
)
from netos.proto.ethernet cimport ETHER_ADDRESS_LENGTH, ether_equal, ether_is_broadcast, ether_is_group

from netos.errors import DeviceError, NetosError

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLOUT, EPOLLERR, EPOLLHUP

cdef enum:
    EVENT_TROUBLE = 0
    EVENT_RETRY = 1

cdef int64_t FIRST_DELAY = 100000000            # nanoseconds, doubled at each failure
cdef int64_t LAST_DELAY = 5000000000

log = logging.getLogger("netos.device")


cpdef Attachment attach(object claim, VirtualCpu cpu):
    """The attachment of a claimed device, which this opens."""
    if claim.attachment is None:
        claim.attachment = Attachment(claim.open(), cpu)
    return claim.attachment


cdef void device_ready(void *object, uint32_t events) noexcept nogil:
    cdef void *place = (<Attachment>object).vcpu.events_owner
    (<VirtualCpu>place).enter()
    (<Attachment>object).ready(events)
    (<VirtualCpu>place).leave()


cdef void room_ready(void *object, uint32_t events) noexcept nogil:
    cdef void *place = (<Attachment>object).vcpu.events_owner
    (<VirtualCpu>place).enter()
    (<Attachment>object).room()
    (<VirtualCpu>place).leave()


cdef void retry_now(void *object, Timer *timer) noexcept nogil:
    cdef void *place = (<Attachment>object).vcpu.events_owner
    (<VirtualCpu>place).enter()
    event_queue((<VirtualCpu>place).core, object, EVENT_RETRY, 0)
    (<VirtualCpu>place).leave()


@cython.no_gc_clear
cdef class Attachment:
    """One device served by one virtual CPU; see attach."""

    def __init__(self, Device device not None, VirtualCpu cpu not None):
        self.device = device
        self.cpu = cpu
        self.vcpu = cpu.core
        self.delay = FIRST_DELAY
        self.station = device.address
        self.address = <const uint8_t *><const char *>self.station if len(self.station) == 6 else NULL
        timer_init(&self.retry, &cpu.timers, retry_now, <void *>self)
        self.start_watching()

    def start_watching(self):
        if self.device.fd >= 0:
            self.watch = Watch(device_ready, <void *>self, self.device.fd)
            self.cpu.watch(&self.watch)
            self.watching = 1
        if self.device.room_fd >= 0:
            self.room_watch = Watch(room_ready, <void *>self, self.device.room_fd)
            self.cpu.watch(&self.room_watch)
            self.watching_room = 1
        self.update()

    def stop_watching(self):
        if self.watching:
            self.cpu.unwatch(&self.watch)
        if self.watching_room:
            self.cpu.unwatch(&self.room_watch)
        self.watching = self.watching_room = 0

    def move(self, VirtualCpu cpu not None, VirtualCpu home not None):
        """Be served by `home` from now on, with the packets of `cpu`, a region's perhaps; see netos.crossing."""
        if self.vcpu == cpu.core:
            return
        watched = self.watching or self.watching_room
        self.stop_watching()
        set = timer_scheduled(&self.retry)
        timer_cancel(&self.retry)
        self.cpu, self.vcpu = home, cpu.core
        self.retry.heap = &home.timers
        if set:
            timer_schedule(&self.retry, self.retry.when)
        if watched:
            self.start_watching()

    def close(self):
        """Take the device off the virtual CPU; it stays open."""
        self.stop_watching()
        timer_cancel(&self.retry)
        events_forget(self.vcpu, <void *>self)

    cdef void ready(self, uint32_t events) noexcept nogil:
        if events & EPOLLOUT:
            self.room()
        if self.reading:
            self.receive(self.receiver)
        elif events & (EPOLLERR | EPOLLHUP):
            self.trouble(EIO)

    cdef int read_with(self, object element, void (*receive)(void *) noexcept nogil, void *object) except -1:
        """Have `receive` called when the device has frames; the last one to ask gets them, and one graph asks once."""
        if self.reader is not None and self.reader.router is element.router:
            raise NetosError(f"{self.reader.name} reads the device {self.device.name} already: connect it to a Tee")
        self.reader = element
        self.receive = receive
        self.receiver = object
        self.set_reading(1)
        return 0

    def read_no_more(self, element):
        """The element stops reading, if it is the one that does."""
        if self.reader is element:
            self.set_reading(0)
            self.reader = None

    cdef void set_reading(self, bint reading) noexcept nogil:
        self.reading = reading
        self.update()

    cdef void wait_for_room(self, Task *task) noexcept nogil:
        """Schedule the task when the device is full no more."""
        cdef uint32_t i
        for i in range(self.waiting_count):
            if self.waiting[i] == task:
                return
        if self.waiting_count == WAITING_MAX or not (self.watching or self.watching_room):
            task_schedule(task)         # nothing to wait on: try again
            return
        self.waiting[self.waiting_count] = task
        self.waiting_count += 1
        self.update()

    cdef void forget_task(self, Task *task) noexcept nogil:
        """The task waits no more."""
        cdef uint32_t i
        for i in range(self.waiting_count):
            if self.waiting[i] == task:
                self.waiting_count -= 1
                self.waiting[i] = self.waiting[self.waiting_count]
                break
        self.update()

    cdef void update(self) noexcept nogil:
        """Wait for what somebody wants, and for nothing else: readiness that nobody serves would make the CPU spin."""
        cdef bint wanted = self.waiting_count > 0
        if self.watching:
            self.cpu.watch_for(&self.watch, self.reading, wanted and not self.watching_room)
        if self.watching_room:
            self.cpu.watch_for(&self.room_watch, wanted, 0)

    cdef void room(self) noexcept nogil:
        cdef uint32_t i
        for i in range(self.waiting_count):
            task_schedule(self.waiting[i])
        self.waiting_count = 0
        self.update()

    cdef int read_batch(self, Batch *batch, uint32_t limit) noexcept nogil:
        """rx_batch, each packet with its MAC header and its type set; an error is for trouble()."""
        cdef uint32_t i
        cdef Descriptor *packet
        cdef int result = self.device.rx_batch(self.vcpu, batch, limit)
        for i in range(batch.count):
            packet = batch.packets[i]
            packet_set_mac(packet, packet.data)
            if packet.length >= ETHER_ADDRESS_LENGTH:
                if ether_is_group(packet.data):
                    packet.packet_type = TO_BROADCAST if ether_is_broadcast(packet.data) else TO_MULTICAST
                elif self.address != NULL and not ether_equal(packet.data, self.address):
                    packet.packet_type = TO_OTHER_HOST
        return result

    cdef uint64_t brought(self) noexcept nogil:
        """Frames the device has brought so far, good or bad."""
        return self.device.rx_packets + self.device.rx_errors

    cdef int transmit(self, Batch *batch) noexcept nogil:
        """tx_batch, minding trouble: 0, -EAGAIN when the rest must wait, another -errno when the rest is lost."""
        cdef int result
        if self.gone:
            return -EIO
        result = self.device.tx_batch(self.vcpu, batch)
        if result != 0 and result != -EAGAIN:
            self.trouble(-result)
        return result

    cdef void trouble(self, int code) noexcept nogil:
        """The device has answered with an error: leave it alone until it is tried again."""
        if self.gone:
            return
        self.gone = 1
        if self.watching:
            self.cpu.unwatch(&self.watch)
            self.watching = 0
        self.room()
        event_queue(self.vcpu, <void *>self, EVENT_TROUBLE, code)
        timer_schedule(&self.retry, clock_steady(&self.vcpu.clock) + self.delay)

    def deliver(self, kind, value):
        """What nogil code could not do itself: tell the log, and open the device again."""
        if kind == EVENT_TROUBLE:
            log.warning("%s: the device is gone (%s); trying again until it is back", self.device.name,
                        os.strerror(value))
            return
        try:
            self.stop_watching()
            self.device.recover()
            self.start_watching()
        except (DeviceError, OSError) as error:
            log.debug("%s: still gone: %s", self.device.name, error)
            self.delay = min(2 * self.delay, LAST_DELAY)
            timer_schedule(&self.retry, clock_steady(&self.vcpu.clock) + self.delay)
            return
        log.warning("%s: the device is back", self.device.name)
        self.delay = FIRST_DELAY
        self.gone = 0
        self.update()

    @property
    def router(self):
        """The router that hears of errors in deliver()."""
        return self.reader.router if self.reader is not None else None
