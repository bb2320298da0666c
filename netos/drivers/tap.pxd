"""A Linux tap interface; see tap.pyx."""

from libc.stdint cimport uint8_t, uint16_t

from netos.drivers.device cimport Device
from netos.packet cimport Descriptor, Vcpu


cdef struct NetHeader:          # virtio 1.2, section 5.1.6, in the machine's own byte order
    uint8_t flags
    uint8_t gso_type
    uint16_t header_length
    uint16_t gso_size
    uint16_t checksum_start
    uint16_t checksum_offset
    uint16_t buffers


cdef class Tap(Device):
    cdef readonly bint made         # by open(): there was no such interface
    cdef Descriptor *large          # takes the rest of a frame that is too long for a small buffer
    cdef bint wide                  # frames may be too long for a small buffer

    cdef int reject(self, Vcpu *vcpu) noexcept nogil
    cdef bint believe(self, Descriptor *packet, const NetHeader *header) noexcept nogil
    cdef ssize_t transmit(self, Descriptor *packet) noexcept nogil
