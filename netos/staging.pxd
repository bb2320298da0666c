"""Staging: what a sorting element needs; see staging.pyx."""

from netos.element cimport Element
from netos.packet cimport DEPTH_MAX, Batch, Frame, Vcpu


cdef inline Frame *frame_enter(Vcpu *vcpu) noexcept nogil:
    """A fresh frame; `emit` leaves it."""
    cdef Frame *frame = &vcpu.frames[vcpu.depth if vcpu.depth < DEPTH_MAX else DEPTH_MAX]
    vcpu.depth += 1
    return frame


cdef void emit(Element element, Frame *frame, Batch *batch) noexcept nogil
