"""What Tee and PullTee share; see copying.pyx."""

from netos.element cimport Element
from netos.packet cimport Batch


cdef class Copier(Element):
    cdef void push_copies(self, int output, Batch *batch) noexcept nogil
