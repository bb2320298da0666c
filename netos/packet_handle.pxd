"""A packet in Python's hands; see packet_handle.pyx."""

from netos.packet cimport Descriptor, Vcpu


cdef class Packet:
    """A packet in Python's hands; see packet_handle.pyx."""
    cdef Descriptor *descriptor
    cdef Vcpu *vcpu
    cdef object owner               # keeps the virtual CPU alive
    cdef int exports
    cdef Py_ssize_t shape[1]

    cdef int check(self) except -1
    cdef Descriptor *give(self) except NULL


# Who works with a virtual CPU: its packets, caches and counts

cdef enum:
    SOME_THREAD = 1             # a Vcpu.thread that no thread is

cdef int vcpu_check(Vcpu *vcpu) except -1
cdef unsigned long vcpu_begin(Vcpu *vcpu) except SOME_THREAD
cdef void vcpu_end(Vcpu *vcpu, unsigned long before) noexcept

cdef Packet packet_wrap(Vcpu *vcpu, object owner, Descriptor *descriptor)
