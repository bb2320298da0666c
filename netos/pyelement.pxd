"""PyElement's C interface; see pyelement.pyx."""

from libc.stdint cimport uint64_t

from netos.element cimport Element
from netos.kernel.timer cimport Timer
from netos.packet cimport Batch, Descriptor
from netos.packet_handle cimport Packet


cdef class PyElement(Element):
    cdef object process_method
    cdef object receive_method
    cdef object supply_method
    cdef object task_method
    cdef object timer_method
    cdef Timer timer
    cdef Batch *pending             # packets process() has returned, not yet sent
    cdef readonly uint64_t exceptions

    cdef void flush(self) noexcept nogil
    cdef object call(self, object method, tuple arguments)
    cdef void process_one(self, Descriptor *descriptor, Batch *kept) noexcept
    cdef void receive_one(self, int port, Descriptor *descriptor) noexcept
    cdef void abandon(self, Packet packet, bint failed) noexcept
