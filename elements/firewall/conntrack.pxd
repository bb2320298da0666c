"""ConnTrack's table, for the elements that share it."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.kernel.mailbox cimport Letter, Siblings
from netos.kernel.timer cimport Timer
from netos.packet cimport Batch, Descriptor
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport Reading


cdef enum:
    SHARES_MAX = 16


cdef struct Share:              # ports of an address that replicas have parts of
    uint32_t address
    uint32_t first
    uint32_t count


cdef class ConnTrack(Element):
    cdef FlowTable table
    cdef Timer timer
    cdef readonly Siblings siblings
    cdef readonly uint64_t handed_over
    cdef bint hands_over        # there is somebody to give packets to, and the way on is a push
    cdef dict share_texts       # by the name of the translator
    cdef Share shares[SHARES_MAX]
    cdef uint32_t share_count

    cdef void turn(self) noexcept nogil
    cdef void track(self, Batch *batch, uint32_t hops) noexcept nogil
    cdef void hear_of(self, Letter *letter) noexcept nogil
    cdef bint hand_over(self, Descriptor *packet, const uint8_t *ip, Reading *reading, uint32_t hops,
                        int64_t now) noexcept nogil
