"""A device on its virtual CPU; see attachment.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.drivers.device cimport Device
from netos.kernel.task cimport Task
from netos.kernel.timer cimport Timer
from netos.kernel.vcpu cimport VirtualCpu, Watch
from netos.packet cimport Batch, Vcpu


cdef enum:
    WAITING_MAX = 64            # tasks that wait for room in one device


cdef class Attachment:
    cdef readonly Device device
    cdef const uint8_t *address         # the device's own, or NULL
    cdef object station                 # where that points to
    cdef readonly object reader         # the element that reads it
    cdef readonly VirtualCpu cpu
    cdef Vcpu *vcpu
    cdef readonly bint gone             # the device is in trouble; packets to it are dropped
    cdef void (*receive)(void *object) noexcept nogil
    cdef void *receiver
    cdef bint reading
    cdef bint watching
    cdef bint watching_room
    cdef Watch watch
    cdef Watch room_watch
    cdef Task *waiting[WAITING_MAX]
    cdef uint32_t waiting_count
    cdef Timer retry
    cdef int64_t delay

    cdef void ready(self, uint32_t events) noexcept nogil
    cdef int read_with(self, object element, void (*receive)(void *) noexcept nogil, void *object) except -1
    cdef void set_reading(self, bint reading) noexcept nogil
    cdef void wait_for_room(self, Task *task) noexcept nogil
    cdef void forget_task(self, Task *task) noexcept nogil
    cdef void update(self) noexcept nogil
    cdef void room(self) noexcept nogil
    cdef void trouble(self, int code) noexcept nogil
    cdef int read_batch(self, Batch *batch, uint32_t limit) noexcept nogil
    cdef uint64_t brought(self) noexcept nogil
    cdef int transmit(self, Batch *batch) noexcept nogil


cpdef Attachment attach(object claim, VirtualCpu cpu)
