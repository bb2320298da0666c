"""What SetTCPChecksum and SetUDPChecksum share; see summing.pyx."""

from netos.element cimport Element
from netos.packet cimport Descriptor


cdef class ChecksumFiller(Element):
    cdef int fill(self, Descriptor *packet) noexcept nogil
