"""ConnTrack's table, for the elements that share it."""

from netos.element cimport Element
from netos.kernel.timer cimport Timer
from netos.proto.flow_table cimport FlowTable


cdef class ConnTrack(Element):
    cdef FlowTable table
    cdef Timer timer

    cdef void turn(self) noexcept nogil
