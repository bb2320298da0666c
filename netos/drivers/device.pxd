"""The contract of a device; see device.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from netos.packet cimport Batch, Vcpu


cdef class Device:
    cdef readonly str name
    cdef public bytes address           # six bytes, or b""
    cdef public uint32_t mtu
    cdef readonly bint offload          # carries partial checksums and segmentation packets, both ways
    cdef readonly uint64_t rx_packets
    cdef readonly uint64_t rx_bytes
    cdef readonly uint64_t rx_errors    # frames the device reported and nobody can have
    cdef readonly uint64_t tx_packets
    cdef readonly uint64_t tx_bytes
    cdef readonly uint64_t tx_errors
    cdef int fd                         # to wait on, or -1
    cdef int room_fd                    # readable when a full device has room; -1: fd is writable then
    cdef dict __dict__

    cdef int rx_batch(self, Vcpu *vcpu, Batch *batch, uint32_t limit) noexcept nogil
    cdef int tx_batch(self, Vcpu *vcpu, Batch *batch) noexcept nogil
