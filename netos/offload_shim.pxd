"""Shims before elements that cannot take offloaded packets; see offload_shim.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from netos.element cimport Element, Port
from netos.offload cimport Segments
from netos.packet cimport BATCH_MAX, Batch, Descriptor


cdef class OffloadShim:
    cdef readonly Element element       # whom it stands before
    cdef readonly uint64_t segmented    # packets cut into segments
    cdef readonly uint64_t completed    # checksums completed
    cdef bint checksums                 # complete those as well
    cdef Port target                    # where a push goes on, or what a pull asks
    cdef Segments segments              # the packet that is being cut for pulls
    cdef Descriptor *pending[BATCH_MAX]
    cdef uint32_t first
    cdef uint32_t behind

    cdef void push_batch(self, Batch *batch) noexcept nogil
    cdef void pull_batch(self, uint32_t limit, Batch *into) noexcept nogil
    cdef Descriptor *completed_packet(self, Descriptor *packet) noexcept nogil
    cdef bint begin(self, Segments *segments, Descriptor *packet) noexcept nogil
    cdef Descriptor *following(self, Segments *segments) noexcept nogil
    cdef void flush(self, Batch *batch) noexcept nogil
