"""The contract of a device: a handful of methods, and the counters everybody reads.

rx_batch appends up to `limit` packets to the batch, each counted as received by the virtual CPU, and answers 0, or
-errno when the device is in trouble; an empty device is no trouble. tx_batch sends from the head of the batch: what was
sent is released, counted as sent and taken off the batch (its `packets` moves on), the rest stays the caller's; it
answers 0, -EAGAIN when the device is full, or -errno.
"""

from libc.errno cimport EIO
from libc.stdint cimport uint32_t

from netos.packet cimport Batch, Vcpu


cdef class Device:
    """Where frames come from and go to."""

    def __cinit__(self, *args, **kwargs):
        self.fd = self.room_fd = -1
        self.address = b""
        self.mtu = 1500

    def open(self):
        """Make the device ready; raise DeviceError, saying what would help, when it cannot be."""
        raise TypeError(f"{type(self).__name__} does not implement open()")

    def close(self):
        """Let go of everything open() took; harmless when called twice."""
        raise TypeError(f"{type(self).__name__} does not implement close()")

    def recover(self):
        """Bring a device in trouble back; raise DeviceError while that cannot be done."""
        self.close()
        self.open()

    def fileno(self):
        """The descriptor that is readable when rx_batch would bring something; -1 when the device must be polled."""
        return self.fd

    cdef int rx_batch(self, Vcpu *vcpu, Batch *batch, uint32_t limit) noexcept nogil:
        return -EIO

    cdef int tx_batch(self, Vcpu *vcpu, Batch *batch) noexcept nogil:
        return -EIO
