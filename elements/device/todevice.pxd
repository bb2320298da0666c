"""ToDevice's C interface, for elements that send to a device among other things; see todevice.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from elements.device.attachment cimport Attachment
from netos.element cimport Element
from netos.kernel.notifier cimport Signal
from netos.packet cimport BATCH_MAX, Batch, Descriptor


cdef class ToDevice(Element):
    cdef readonly uint64_t count        # packets sent
    cdef readonly uint64_t pulls
    cdef readonly uint64_t calls        # to the device
    cdef readonly uint64_t holds        # times the device was full
    cdef object claim
    cdef Attachment attachment
    cdef uint32_t burst_size
    cdef bint echoes                    # sent packets go out of output 0
    cdef Signal signal
    cdef Batch held                     # pulled, and the device had no room
    cdef Descriptor *pointers[BATCH_MAX]

    cdef int transmit(self, Batch *batch) noexcept nogil
    cdef int transmit_singly(self, Batch *batch) noexcept nogil
    cdef void forget(self, Descriptor *copy) noexcept nogil
    cdef void lose(self, Batch *batch, int reason) noexcept nogil
