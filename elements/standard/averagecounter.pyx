"""AverageCounter: count packets and their average rate (Click's AverageCounter)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.kernel.clock cimport clock_steady
from netos.packet cimport Batch

from netos.args import Seconds
from netos.handlers import read_handler, write_handler

cdef enum:
    SHORTEST = 1000000      # nanoseconds that a rate is taken over at least


cdef class AverageCounter(Element):
    """Pass packets, counting all but those of the first IGNORE seconds after the first one.

    Handlers: count, byte_count (read), rate, byte_rate (read; a second, from the end of IGNORE to the last packet),
    reset (write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("count", "byte_count")
    combine = {"rate": "sum", "byte_rate": "sum"}

    cdef readonly uint64_t count
    cdef readonly uint64_t byte_count
    cdef int64_t ignored            # nanoseconds
    cdef int64_t first              # when packets came; 0: none has
    cdef int64_t last

    def configure(self, ignore: Seconds = 0):
        self.ignored = ignore

    @write_handler
    def reset(self):
        """Begin anew."""
        self.count = self.byte_count = 0
        self.first = self.last = 0

    def take_state(self, AverageCounter old):
        self.count, self.byte_count, self.first, self.last = old.count, old.byte_count, old.first, old.last

    @read_handler
    def rate(self):
        """Packets a second."""
        return self.count * 1e9 / self.duration()

    @read_handler
    def byte_rate(self):
        """Bytes a second."""
        return self.byte_count * 1e9 / self.duration()

    cdef int64_t duration(self) noexcept nogil:
        return max(self.last - self.first - self.ignored, <int64_t>SHORTEST)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        self.last = clock_steady(&self.vcpu.clock)
        if self.first == 0:
            self.first = self.last
        if self.last - self.first < self.ignored:
            return
        self.count += batch.count
        for i in range(batch.count):
            self.byte_count += batch.packets[i].length
