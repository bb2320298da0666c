"""Captures: packets that cross an edge, or that a trace follows, are copied into a bounded ring that others empty.

Nothing waits: a record that finds no room is counted as lost. Several virtual CPUs may fill one ring.
"""

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from netos.packet cimport NO_HEADER, Batch, Descriptor, packet_headroom
from netos.portpatch cimport PortPatch
from netos.proto.bpf cimport BpfProgram

cdef extern from * nogil:
    """
    #if defined(__x86_64__) || defined(__i386__)
    #define netos_relax() __builtin_ia32_pause()
    #else
    #define netos_relax()
    #endif
    static inline void netos_spin_lock(int *at) {
        while (__atomic_exchange_n(at, 1, __ATOMIC_ACQUIRE))
            while (__atomic_load_n(at, __ATOMIC_RELAXED)) netos_relax();
    }
    static inline void netos_spin_unlock(int *at) { __atomic_store_n(at, 0, __ATOMIC_RELEASE); }
    """
    void spin_lock "netos_spin_lock"(int *at) noexcept
    void spin_unlock "netos_spin_unlock"(int *at) noexcept

cdef enum:
    CAPACITY_LEAST = 4096


@cython.no_gc
cdef class CaptureRing:
    """Room for `capacity` bytes of records (a power of two); of each packet the first `snaplen` bytes are kept."""

    def __cinit__(self, uint64_t capacity, uint32_t snaplen):
        if capacity < CAPACITY_LEAST or capacity & (capacity - 1):
            raise ValueError(f"a ring has a power of two of bytes, from {CAPACITY_LEAST} on, not {capacity}")
        self.capacity = capacity
        self.snaplen = snaplen
        self.data = <uint8_t *>malloc(capacity)
        if self.data == NULL:
            raise MemoryError("netos: no memory for a capture")

    def __dealloc__(self):
        free(self.data)

    @property
    def waiting(self):
        """Bytes of records that nobody took yet."""
        return self.written - self.taken

    def take(self, uint64_t limit=1 << 17):
        """The oldest records, whole ones of about `limit` bytes together, as they lie in memory; b"" for none."""
        cdef uint64_t count = 0, start, first
        cdef Record *record
        self.lock()
        while count < limit and self.taken + count < self.written:
            record = <Record *>(self.data + ((self.taken + count) & (self.capacity - 1)))
            count += record.size
        start = self.taken & (self.capacity - 1)
        first = min(count, self.capacity - start)
        self.unlock()
        taken = (<char *>self.data)[start:start + first] + (<char *>self.data)[:count - first]
        self.lock()
        self.taken += count
        self.unlock()
        return taken

    cdef void lock(self) noexcept nogil:
        spin_lock(&self.locked)

    cdef void unlock(self) noexcept nogil:
        spin_unlock(&self.locked)

    cdef bint put(self, Record *record, Descriptor *packet) noexcept nogil:
        """Append a record, with the packet's beginning if there is a packet; 0 when it is lost. The ring is locked."""
        cdef uint32_t captured = 0
        record.network = -1
        record.length = 0
        if packet != NULL:
            captured = min(packet.length, self.snaplen)
            record.length = packet.length
            record.link = <uint8_t>packet_link(packet)
            if packet.network_header != NO_HEADER and packet.network_header >= <int32_t>packet_headroom(packet):
                record.network = packet.network_header - <int32_t>packet_headroom(packet)
        record.captured = captured
        record.size = (<uint32_t>sizeof(Record) + captured + 7) & ~<uint32_t>7
        if record.size > self.capacity - (self.written - self.taken):
            self.lost += 1
            return 0
        ring_copy(self, self.written, <uint8_t *>record, sizeof(Record))
        if captured:
            ring_copy(self, self.written + sizeof(Record), packet.data, captured)
        self.written += record.size
        return 1


cdef inline void ring_copy(CaptureRing ring, uint64_t to, const uint8_t *data, uint64_t count) noexcept nogil:
    cdef uint64_t start = to & (ring.capacity - 1)
    cdef uint64_t first = min(count, ring.capacity - start)
    memcpy(ring.data + start, data, first)
    if first < count:
        memcpy(ring.data, data + first, count - first)


cdef class Filter:
    """The two programs of a packet filter (netos.proto.pcapfilter), each for what packets begin with."""

    def __init__(self, BpfProgram frame not None, BpfProgram ip not None):
        self.frame = frame
        self.ip = ip

    cdef bint accepts(self, Descriptor *packet) noexcept nogil:
        if packet_link(packet) == LINK_IP:
            return self.ip.run(packet.data, packet.length) != 0
        return self.frame.run(packet.data, packet.length) != 0


cdef class DumpPatch(PortPatch):
    """Copies what crosses a port and matches into a ring, as packets of `edge`; at most `most` of them."""

    def __init__(self, CaptureRing ring not None, uint32_t edge, Filter filter not None, uint64_t most):
        self.ring, self.edge, self.filter, self.most = ring, edge, filter, most

    cdef void look(self, Batch *batch, uint32_t first) noexcept nogil:
        cdef uint32_t i
        cdef Record record
        self.seen += batch.count - first
        for i in range(first, batch.count):
            if self.matched == self.most:
                break
            if not self.filter.accepts(batch.packets[i]):
                continue
            self.matched += 1
            memset(&record, 0, sizeof(Record))
            record.edge = self.edge
            record.time = clock_stamp(&self.element.vcpu.clock)
            self.ring.lock()
            self.ring.put(&record, batch.packets[i])
            self.ring.unlock()
