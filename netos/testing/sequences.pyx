"""Ranges of sequence numbers and byte rings as Python objects, for tests of the inline functions that TCP uses."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from netos.proto.ranges cimport RANGES_MAX, Ranges, ranges_add, ranges_find, ranges_forget, ranges_free
from netos.proto.ring cimport (
    RING_KEPT, Ring, RingPool, ring_copy_in, ring_copy_out, ring_free, ring_pool_free, ring_room, ring_shrink,
    ring_skip,
)

MOST_RANGES = RANGES_MAX
MOST_KEPT = RING_KEPT


cdef class SequenceRanges:
    """Ranges (netos.proto.ranges) of 32-bit numbers."""

    cdef Ranges ranges

    def __dealloc__(self):
        ranges_free(&self.ranges)

    def add(self, uint32_t first, uint32_t end):
        """Add the numbers from `first` to before `end`; False when there is no room."""
        return bool(ranges_add(&self.ranges, first, end))

    def forget(self, uint32_t below):
        """Take out what is before `below`."""
        ranges_forget(&self.ranges, below)

    def find(self, uint32_t number):
        """Which range has the number, or -1."""
        return ranges_find(&self.ranges, number)

    @property
    def total(self):
        return self.ranges.total

    @property
    def items(self):
        """The ranges: (first, end)."""
        return [(self.ranges.items[at].first, self.ranges.items[at].end) for at in range(self.ranges.count)]


cdef class BytePool:
    """What several rings keep together (RingPool), and `limit`, the bytes to which they may grow."""

    cdef RingPool pool

    def __cinit__(self, uint64_t limit=1 << 40):
        self.pool.limit = limit

    def __dealloc__(self):
        ring_pool_free(&self.pool)

    @property
    def held(self):
        """Bytes that are kept for the next ring."""
        return self.pool.held

    @property
    def taken(self):
        """Bytes that the rings have."""
        return self.pool.taken


cdef class ByteRing:
    """A byte ring (netos.proto.ring); offsets count from its oldest byte."""

    cdef Ring ring
    cdef BytePool pool

    def __cinit__(self, BytePool pool=None):
        memset(&self.ring, 0, sizeof(Ring))
        self.pool = pool
        if pool is not None:
            self.ring.pool = &pool.pool

    def __dealloc__(self):
        ring_free(&self.ring)

    def put(self, uint32_t offset, bytes data, uint32_t kept):
        """Put bytes down from an offset on; when the circle has to grow, the first `kept` bytes move with it.

        Raises MemoryError when it cannot grow, ValueError when `kept` is more than the circle holds.
        """
        if kept > self.ring.size:
            raise ValueError(f"the circle holds {self.ring.size} bytes, not {kept}")
        if not ring_room(&self.ring, offset + <uint32_t>len(data), kept):
            raise MemoryError("no memory for a larger circle")
        ring_copy_in(&self.ring, offset, <const uint8_t *>data, <uint32_t>len(data))

    def get(self, uint32_t offset, uint32_t length):
        """Bytes from an offset on. Raises ValueError when they are not in the circle."""
        cdef bytearray data = bytearray(length)
        if offset + length > self.ring.size:
            raise ValueError(f"the circle holds {self.ring.size} bytes")
        ring_copy_out(&self.ring, offset, data, length)
        return bytes(data)

    def skip(self, uint32_t length):
        """Forget the oldest bytes. Raises ValueError when there are fewer."""
        if length > self.ring.used:
            raise ValueError(f"there are {self.ring.used} bytes, not {length}")
        ring_skip(&self.ring, length)

    def shrink(self):
        """Keep what is used, in as few bytes as it takes."""
        ring_shrink(&self.ring, self.ring.used)

    def free(self):
        """Give the memory back; the ring is empty then."""
        ring_free(&self.ring)

    @property
    def used(self):
        return self.ring.used

    @used.setter
    def used(self, uint32_t value):
        if value > self.ring.size:
            raise ValueError(f"the circle holds {self.ring.size} bytes, not {value}")
        self.ring.used = value

    @property
    def size(self):
        return self.ring.size
