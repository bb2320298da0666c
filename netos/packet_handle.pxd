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


cdef Packet packet_wrap(Vcpu *vcpu, object owner, Descriptor *descriptor)
