"""What was sent into a target; see journal.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef class Journal:
    cdef uint8_t[::1] view
    cdef uint8_t *data
    cdef uint64_t size

    cdef bint note(self, uint32_t device, int64_t time, const uint8_t *frame, uint32_t length) noexcept nogil
