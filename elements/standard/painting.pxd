"""What Paint, CheckPaint and PaintTee share; see painting.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.element cimport Element


cdef class Painter(Element):
    cdef uint8_t paint
    cdef uint32_t at            # which byte of the annotations it is
