"""Reading capture files: pcap (draft-ietf-opsawg-pcap) in both byte orders and all resolutions, and pcapng.

A reader believes no length in the file; what is wrong, and where, it says in one sentence.
"""

import mmap
import os
from typing import NamedTuple

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from netos.wire cimport load16, load32, swap16, swap32

from netos.errors import DeviceError

cdef extern from * nogil:
    """
    static inline int64_t netos_ticks(uint64_t ticks, uint32_t resolution) {
        uint32_t power = resolution & 127, i;
        unsigned __int128 value = ticks;
        if (resolution & 128)
            return power > 127 ? 0 : (int64_t)(uint64_t)((value * 1000000000u) >> power);
        for (i = power; i < 9; i++) value *= 10;
        for (i = 9; i < power && value; i++) value /= 10;
        return (int64_t)(uint64_t)value;
    }
    """
    int64_t nanoseconds_of "netos_ticks"(uint64_t ticks, uint32_t resolution)

cdef enum:
    FILE_HEADER = 24
    RECORD_HEADER = 16
    BLOCK_OVERHEAD = 12
    INTERFACES_MAX = 4096
    MAGIC_MODIFIED = 0xA1B2CD34U
    MAGIC_MICRO = 0xA1B2C3D4U
    MAGIC_NANO = 0xA1B23C4DU
    MAGIC_ORDER = 0x1A2B3C4DU
    BLOCK_SECTION = 0x0A0D0D0AU
    BLOCK_INTERFACE = 1
    BLOCK_OBSOLETE_PACKET = 2
    BLOCK_SIMPLE_PACKET = 3
    BLOCK_ENHANCED_PACKET = 6
    OPTION_RESOLUTION = 9
    OPTION_OFFSET = 14


MAP_FROM = 1 << 26              # smaller files are read at once: a mapped one that shrinks would end the process


class Record(NamedTuple):
    """One packet of a capture file; the time stamp is in nanoseconds since 1970, `length` what was on the wire."""

    timestamp: int
    link_type: int
    length: int
    data: bytes


def open_capture(path):
    """A PcapReader of a file, or of standard input for "-"; gzip and bzip2 are unpacked. DeviceError if it is none."""
    try:
        if path == "-":
            return PcapReader(os.fdopen(0, "rb", closefd=False).read(), "standard input")
        with open(path, "rb") as file:
            start = file.read(4)
            if start[:2] == b"\x1f\x8b" or start[:3] == b"BZh":
                return PcapReader(unpacked(path, start), path)
            size = os.fstat(file.fileno()).st_size
            if size < MAP_FROM:
                return PcapReader(start + file.read(), path)
            return PcapReader(mmap.mmap(file.fileno(), size, mmap.MAP_PRIVATE, mmap.PROT_READ), path)
    except OSError as error:
        raise DeviceError(f"cannot read the capture file {path}: {error.strerror or error}") from None


def unpacked(path, start):
    """What a compressed file contains."""
    import bz2
    import gzip

    try:
        with (gzip if start[:1] == b"\x1f" else bz2).open(path) as file:
            return file.read()
    except (EOFError, OSError, ValueError) as error:
        raise DeviceError(f"cannot unpack the capture file {path}: {error}") from None


cdef class PcapReader:
    """Reads the packets of a capture, from any buffer; iterating raises DeviceError where the file is wrong."""

    def __init__(self, data, str name="capture"):
        self.name = name
        self.owner = data
        self.view = data if len(data) else b"\0"
        self.data = &self.view[0]
        self.size = len(data)
        self.rewind()

    def __dealloc__(self):
        free(self.interfaces)

    def rewind(self):
        """Begin again at the first packet."""
        cdef uint32_t magic = load32(self.data) if self.size >= 4 else 0
        self.position = 0
        self.interface_count = 0
        self.wrong = NULL
        if magic == BLOCK_SECTION:
            self.format = "pcapng"
            self.find_first_interface()
            return
        self.format = "pcap"
        if self.size == 0:
            raise DeviceError(f"{self.name} is no capture file: it is empty")
        self.swapped = magic in (swap32(MAGIC_MICRO), swap32(MAGIC_NANO), swap32(MAGIC_MODIFIED))
        magic = swap32(magic) if self.swapped else magic
        if magic not in (MAGIC_MICRO, MAGIC_NANO, MAGIC_MODIFIED):
            raise DeviceError(f"{self.name} is no capture file: its magic number is neither pcap's nor pcapng's")
        if self.size < FILE_HEADER:
            raise DeviceError(f"{self.name} is cut off inside its file header")
        self.nanoseconds = magic == MAGIC_NANO
        self.extra = 8 if magic == MAGIC_MODIFIED else 0
        self.snaplen = self.read32(self.data + 16)
        self.link_type = self.read32(self.data + 20) & 0x0FFFFFFF
        self.position = FILE_HEADER

    def find_first_interface(self):
        """Read up to the first packet, to know the link type; then begin again."""
        cdef PcapRecord record
        if self.next_block(&record) < 0:
            raise DeviceError(self.error)
        self.link_type = self.interfaces[0].link_type if self.interface_count else LINK_ETHERNET
        self.snaplen = self.interfaces[0].snaplen if self.interface_count else 0
        self.nanoseconds = self.interface_count and self.interfaces[0].resolution >= 9
        self.position = 0
        self.interface_count = 0

    @property
    def error(self):
        """What is wrong with the file, once the reading has come there; else None."""
        if self.wrong == NULL:
            return None
        return f"{self.name}: {self.wrong.decode()} at byte {self.position}"

    def check(self):
        """Read to the end and begin again; return the number of packets, raise DeviceError when the file is wrong."""
        cdef PcapRecord record
        cdef uint64_t count = 0
        cdef int result
        with nogil:
            while True:
                result = self.next(&record)
                if result <= 0:
                    break
                count += 1
        if result < 0:
            raise DeviceError(self.error, "the packets before are good")
        self.rewind()
        return count

    def seek(self, uint64_t position):
        """Go on at a record's position, as records and `position` told it."""
        self.position = min(position, self.size)
        self.wrong = NULL

    def __iter__(self):
        return self

    def __next__(self):
        cdef PcapRecord record
        cdef int result = self.next(&record)
        if result < 0:
            raise DeviceError(self.error)
        if result == 0:
            raise StopIteration
        return Record(record.timestamp, record.link_type, record.length, (<char *>record.data)[:record.captured])

    cdef int next(self, PcapRecord *record) noexcept nogil:
        """Read the next packet: 1, or 0 at the end, or -1 where the file is wrong."""
        if self.wrong != NULL:
            return -1
        return self.next_block(record) if self.data[0] == 0x0A else self.next_classic(record)

    cdef int fail(self, const char *wrong) noexcept nogil:
        self.wrong = wrong
        return -1

    cdef uint32_t read16(self, const uint8_t *at) noexcept nogil:
        return swap16(load16(at)) if self.swapped else load16(at)

    cdef uint32_t read32(self, const uint8_t *at) noexcept nogil:
        return swap32(load32(at)) if self.swapped else load32(at)

    cdef int next_classic(self, PcapRecord *record) noexcept nogil:
        cdef const uint8_t *at = self.data + self.position
        cdef uint64_t left = self.size - self.position
        cdef uint64_t header = RECORD_HEADER + self.extra
        if left == 0:
            return 0
        if left < header:
            return self.fail("a record header is cut off")
        record.position = self.position
        record.captured = self.read32(at + 8)
        record.length = self.read32(at + 12)
        if record.captured > SNAPLEN_MAX:
            return self.fail("a record claims more bytes than any capture has")
        if record.captured > left - header:
            return self.fail("a record is cut off")
        record.timestamp = <int64_t>(<uint64_t>self.read32(at) * 1000000000
                                     + <uint64_t>self.read32(at + 4) * (1 if self.nanoseconds else 1000))
        record.data = at + header
        record.length = max(record.length, record.captured)
        record.link_type = self.link_type
        self.position += header + record.captured
        return 1

    cdef int next_block(self, PcapRecord *record) noexcept nogil:
        cdef const uint8_t *at
        cdef uint64_t left
        cdef uint32_t kind, length
        cdef int result
        while True:
            at = self.data + self.position
            left = self.size - self.position
            if left == 0:
                return 0
            if left < BLOCK_OVERHEAD:
                return self.fail("a block is cut off")
            kind = load32(at)
            if kind == BLOCK_SECTION and self.section(at, left) < 0:
                return -1
            if kind != BLOCK_SECTION and self.position == 0:
                return self.fail("the section header is missing")
            kind = self.read32(at)
            length = self.read32(at + 4)
            if length < BLOCK_OVERHEAD or length & 3:
                return self.fail("a block has an impossible length")
            if length > left:
                return self.fail("a block is cut off")
            if self.read32(at + length - 4) != length:
                return self.fail("a block's two lengths differ")
            result = 0
            if kind == BLOCK_INTERFACE:
                result = self.interface(at + 8, length - BLOCK_OVERHEAD)
            elif kind in (BLOCK_ENHANCED_PACKET, BLOCK_SIMPLE_PACKET, BLOCK_OBSOLETE_PACKET):
                result = self.packet(record, kind, at + 8, length - BLOCK_OVERHEAD)
            if result < 0:
                return -1
            self.position += length
            if result:
                return 1

    cdef int section(self, const uint8_t *block, uint64_t left) noexcept nogil:
        """A section header: it sets the byte order of what follows, and its interfaces count from 0."""
        if left < 28:
            return self.fail("a section header is cut off")
        self.swapped = load32(block + 8) == swap32(MAGIC_ORDER)
        if not self.swapped and load32(block + 8) != MAGIC_ORDER:
            return self.fail("a section header has no byte-order magic")
        if self.read16(block + 12) != 1:
            return self.fail("a section is of a version other than 1")
        self.interface_count = 0
        return 0

    cdef int interface(self, const uint8_t *body, uint32_t length) noexcept nogil:
        cdef PcapInterface *interface
        cdef uint32_t at = 8, code, size
        if length < 8:
            return self.fail("an interface description is too short")
        if self.interface_count == INTERFACES_MAX:
            return self.fail("there are too many interface descriptions")
        if self.interfaces == NULL:
            self.interfaces = <PcapInterface *>malloc(INTERFACES_MAX * sizeof(PcapInterface))
            if self.interfaces == NULL:
                return self.fail("no memory is left for interface descriptions")
        interface = &self.interfaces[self.interface_count]
        interface.link_type = self.read16(body)
        interface.snaplen = self.read32(body + 4)
        interface.resolution = 6
        interface.offset = 0
        while at + 4 <= length:
            code = self.read16(body + at)
            size = self.read16(body + at + 2)
            at += 4
            if code == 0 or size > length - at:
                break
            if code == OPTION_RESOLUTION and size == 1:
                interface.resolution = body[at]
            elif code == OPTION_OFFSET and size == 8:
                memcpy(&interface.offset, body + at, 8)
                if self.swapped:
                    interface.offset = <int64_t>(<uint64_t>self.read32(body + at) << 32 | self.read32(body + at + 4))
            at += (size + 3) & ~3
        self.interface_count += 1
        return 0

    cdef int packet(self, PcapRecord *record, uint32_t kind, const uint8_t *body, uint32_t length) noexcept nogil:
        cdef uint32_t header = 4 if kind == BLOCK_SIMPLE_PACKET else 20
        cdef uint32_t number = 0
        cdef PcapInterface *interface
        if length < header:
            return self.fail("a packet block is too short")
        if kind == BLOCK_ENHANCED_PACKET:
            number = self.read32(body)
        elif kind == BLOCK_OBSOLETE_PACKET:
            number = self.read16(body)
        if number >= self.interface_count:
            return self.fail("a packet block names an interface that was not described")
        interface = &self.interfaces[number]
        if kind == BLOCK_SIMPLE_PACKET:
            record.length = self.read32(body)
            record.captured = min(record.length, length - 4)
            if interface.snaplen:
                record.captured = min(record.captured, interface.snaplen)
            record.timestamp = 0
        else:
            record.captured = self.read32(body + 12)
            record.length = self.read32(body + 16)
            record.timestamp = nanoseconds_of(<uint64_t>self.read32(body + 4) << 32 | self.read32(body + 8),
                                              interface.resolution)
            record.timestamp = <int64_t>(<uint64_t>record.timestamp + <uint64_t>interface.offset * 1000000000)
        if record.captured > length - header or record.captured > SNAPLEN_MAX:
            return self.fail("a packet claims more bytes than its block has")
        record.data = body + header
        record.length = max(record.length, record.captured)
        record.link_type = interface.link_type
        record.position = self.position
        return 1
