"""What SetTCPChecksum and SetUDPChecksum share: packets without a checksum to set are rejected."""

from libc.stdint cimport uint32_t

from netos.packet cimport Batch, Descriptor


cdef class ChecksumFiller(Element):
    """Fills in the checksum of each packet."""

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef int problem
        for i in range(batch.count):
            problem = self.fill(batch.packets[i])
            if problem:
                self.reject(batch.packets[i], problem)
                continue
            batch.packets[kept] = batch.packets[i]
            kept += 1
        batch.count = kept

    cdef int fill(self, Descriptor *packet) noexcept nogil:
        """0, or why the packet has no checksum to set."""
        return 0
