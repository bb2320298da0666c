"""A journal of the frames that went into a target, in memory that outlives a crashed process."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    HEADER = 16                 # of the journal: bytes used, frames
    RECORD = 16                 # length, device, time


cdef class Journal:
    """Frames in a writable buffer such as a shared mapping; a frame is noted before a target sees it."""

    def __init__(self, memory):
        self.view = memory
        self.data = &self.view[0]
        self.size = self.view.shape[0]
        if self.size < HEADER + RECORD:
            raise ValueError("a journal needs more memory")

    def clear(self):
        """Forget everything."""
        (<uint64_t *>self.data)[0] = HEADER
        (<uint64_t *>self.data)[1] = 0

    cdef bint note(self, uint32_t device, int64_t time, const uint8_t *frame, uint32_t length) noexcept nogil:
        """Append a frame; 0 when the journal is full."""
        cdef uint64_t *head = <uint64_t *>self.data
        cdef uint64_t used = head[0]
        cdef uint64_t space = RECORD + ((length + 7) & ~<uint64_t>7)
        if used + space > self.size:
            return 0
        (<uint32_t *>(self.data + used))[0] = length
        (<uint32_t *>(self.data + used))[1] = device
        (<int64_t *>(self.data + used))[1] = time
        memcpy(self.data + used + RECORD, frame, length)
        head[0] = used + space
        head[1] += 1
        return 1

    def __len__(self):
        return (<uint64_t *>self.data)[1]

    def records(self):
        """All of it, as a list of (time, device, frame)."""
        cdef uint64_t at = HEADER
        cdef uint32_t length
        found = []
        while at < (<uint64_t *>self.data)[0]:
            length = (<uint32_t *>(self.data + at))[0]
            found.append(((<int64_t *>(self.data + at))[1], (<uint32_t *>(self.data + at))[1],
                          (<char *>self.data + at + RECORD)[:length]))
            at += RECORD + ((length + 7) & ~<uint64_t>7)
        return found
