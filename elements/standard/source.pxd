"""What InfiniteSource, RatedSource and TimedSource share: the packets they make; see source.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.packet cimport Batch


cdef class Source(Element):
    cdef bytes content              # of each packet
    cdef const char *bytes_at       # its first byte
    cdef uint32_t size
    cdef uint32_t headroom
    cdef bint stamped               # packets carry the time they were made
    cdef bint stops
    cdef bint calling               # calls[0] is wanted at the end
    cdef bint ended                 # the end has been told
    cdef readonly int64_t limit     # packets in all; negative: no limit
    cdef readonly int64_t count     # packets made
    cdef readonly bint active

    cdef uint32_t left(self) noexcept nogil
    cdef void make(self, uint32_t wanted, Batch *batch) noexcept nogil
    cdef void finish(self) noexcept nogil
    cdef void restart(self) noexcept nogil
