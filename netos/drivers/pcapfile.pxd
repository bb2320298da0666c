"""Capture files; see pcapfile.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef enum:
    LINK_ETHERNET = 1
    LINK_RAW = 101              # IPv4 or IPv6, as the first four bits say
    SNAPLEN_MAX = 262144        # what libpcap takes


cdef struct PcapRecord:
    const uint8_t *data
    uint32_t captured           # bytes in the file
    uint32_t length             # bytes on the wire
    uint32_t link_type
    int64_t timestamp           # nanoseconds since 1970
    uint64_t position           # of the record in the file


cdef struct PcapInterface:
    uint32_t link_type
    uint32_t snaplen
    uint32_t resolution         # if_tsresol
    int64_t offset              # if_tsoffset, seconds


cdef class PcapReader:
    cdef readonly str name
    cdef readonly str format            # "pcap" or "pcapng"
    cdef readonly uint64_t position     # of the next record
    cdef readonly uint32_t link_type    # of the first interface
    cdef readonly uint32_t snaplen
    cdef readonly bint nanoseconds
    cdef object owner
    cdef const uint8_t[::1] view
    cdef const uint8_t *data
    cdef uint64_t size
    cdef bint swapped                   # the other byte order than ours
    cdef uint32_t extra                 # bytes of the modified format's longer record header
    cdef PcapInterface *interfaces
    cdef uint32_t interface_count
    cdef const char *wrong              # what ended the reading early, or NULL

    cdef int next(self, PcapRecord *record) noexcept nogil
    cdef int next_classic(self, PcapRecord *record) noexcept nogil
    cdef int next_block(self, PcapRecord *record) noexcept nogil
    cdef int section(self, const uint8_t *block, uint64_t left) noexcept nogil
    cdef int interface(self, const uint8_t *body, uint32_t length) noexcept nogil
    cdef int packet(self, PcapRecord *record, uint32_t kind, const uint8_t *body, uint32_t length) noexcept nogil
    cdef int fail(self, const char *wrong) noexcept nogil
    cdef uint32_t read16(self, const uint8_t *at) noexcept nogil
    cdef uint32_t read32(self, const uint8_t *at) noexcept nogil
