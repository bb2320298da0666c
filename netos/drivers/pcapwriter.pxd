"""Writing capture files; see pcapwriter.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef class PcapWriter:
    cdef readonly str name
    cdef readonly uint64_t count        # records written
    cdef readonly uint32_t snaplen
    cdef readonly bint nanoseconds
    cdef int fd
    cdef bint owned
    cdef uint8_t *buffer
    cdef uint32_t used

    cdef int write(self, const uint8_t *data, uint32_t length, uint32_t wire_length, int64_t timestamp) noexcept nogil
    cdef int flush_now(self) noexcept nogil
