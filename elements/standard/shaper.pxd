"""What Shaper and BandwidthShaper share; see shaper.pyx."""

from elements.standard.tokenbucket cimport TokenBucket
from netos.element cimport Element
from netos.kernel.notifier cimport Notifier, Signal
from netos.kernel.timer cimport Timer
from netos.packet cimport Batch


cdef class RateShaper(Element):
    cdef TokenBucket bucket         # never more than 10 ms full; in debt until the next packet may go
    cdef Timer timer
    cdef Signal signal
    cdef Notifier ready
    cdef bint by_bytes              # a packet costs its length, else 1

    cdef void fill_at(self, rate) except *
    cdef void wait(self) noexcept nogil
