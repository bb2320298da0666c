"""Writing capture files: pcap (draft-ietf-opsawg-pcap), in the machine's byte order, micro- or nanoseconds."""

import os
import struct

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from posix.unistd cimport close as close_descriptor
from posix.unistd cimport write as write_descriptor

from netos.drivers.pcapfile cimport LINK_ETHERNET, SNAPLEN_MAX
from netos.wire cimport store32

from netos.errors import DeviceError

cdef enum:
    FILE_HEADER = 24
    RECORD_HEADER = 16
    MAGIC_MICRO = 0xA1B2C3D4U
    MAGIC_NANO = 0xA1B23C4DU
    WRITE_THRESHOLD = 65536
    WRITE_BUFFER = WRITE_THRESHOLD + RECORD_HEADER + SNAPLEN_MAX


cdef class PcapWriter:
    """Writes a pcap file, buffered; `file` is a path, "-" for standard output, or an open descriptor."""

    def __cinit__(self):
        self.fd = -1

    def __init__(self, file, uint32_t link_type=LINK_ETHERNET, *, uint32_t snaplen=SNAPLEN_MAX,
                 bint nanoseconds=False):
        self.snaplen = min(snaplen, <uint32_t>SNAPLEN_MAX)
        self.nanoseconds = nanoseconds
        self.buffer = <uint8_t *>malloc(WRITE_BUFFER)
        if self.buffer == NULL:
            raise MemoryError("netos: no memory for a capture file")
        self.name = file if isinstance(file, str) else f"descriptor {file}"
        if file == "-":
            file = 1
        try:
            self.fd = file if isinstance(file, int) else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except OSError as error:
            raise DeviceError(f"cannot write the capture file {file}: {error.strerror}") from None
        self.owned = not isinstance(file, int)
        cdef uint32_t magic = MAGIC_NANO if nanoseconds else MAGIC_MICRO
        cdef bytes header = struct.pack("=IHHIIII", magic, 2, 4, 0, 0, self.snaplen, link_type)
        memcpy(self.buffer, <const char *>header, FILE_HEADER)
        self.used = FILE_HEADER

    def __dealloc__(self):
        if self.fd >= 0:
            self.flush_now()
            if self.owned:
                close_descriptor(self.fd)
        free(self.buffer)

    def flush(self):
        """Write what is buffered; OSError when that fails."""
        cdef int result = self.flush_now()
        if result:
            raise OSError(-result, os.strerror(-result), self.name)

    def close(self):
        """Flush and close; harmless when called twice."""
        cdef int fd = self.fd
        if fd < 0:
            return
        try:
            self.flush()
        finally:
            self.fd = -1
            if self.owned:
                close_descriptor(fd)

    def append(self, data, int64_t timestamp=0, length=None):
        """Write one packet; `length` is what was on the wire when that is more."""
        cdef const uint8_t[::1] content = data if len(data) else b"\0"
        cdef int result = self.write(&content[0], len(data), len(data) if length is None else length, timestamp)
        if result:
            raise OSError(-result, os.strerror(-result), self.name)

    cdef int write(self, const uint8_t *data, uint32_t length, uint32_t wire_length, int64_t timestamp) noexcept nogil:
        """Add a record of `length` bytes, cut at the snapshot length; 0 or -errno, and then it is lost."""
        cdef uint8_t *at
        cdef int result
        wire_length = max(wire_length, length)
        length = min(length, self.snaplen)
        if self.used + RECORD_HEADER + length > WRITE_BUFFER:
            result = self.flush_now()
            if result:
                return result
        timestamp = max(timestamp, 0)
        at = self.buffer + self.used
        store32(at, <uint32_t>(timestamp // 1000000000))
        store32(at + 4, <uint32_t>(timestamp % 1000000000) // (1 if self.nanoseconds else 1000))
        store32(at + 8, length)
        store32(at + 12, wire_length)
        memcpy(at + RECORD_HEADER, data, length)
        self.used += RECORD_HEADER + length
        self.count += 1
        return self.flush_now() if self.used >= WRITE_THRESHOLD else 0

    cdef int flush_now(self) noexcept nogil:
        """Write what is buffered: 0 or -errno, and then it is lost."""
        cdef uint32_t done = 0, used = self.used
        cdef ssize_t written
        self.used = 0
        while done < used:
            written = write_descriptor(self.fd, self.buffer + done, used - done)
            if written >= 0:
                done += <uint32_t>written
            elif errno != EINTR:
                return -errno
        return 0
