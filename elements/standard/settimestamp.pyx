"""SetTimestamp: stamp packets with a time (Click's SetTimestamp)."""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.kernel.clock cimport clock_wall
from netos.packet cimport ANNO_FIRST_TIMESTAMP, Batch, Descriptor

from netos.args import Bool, Timestamp
from netos.errors import ArgumentError


cdef class SetTimestamp(Element):
    """Set the timestamp of packets to TIMESTAMP, or to the time now.

    FIRST sets the first-timestamp annotation instead. DELTA sets the timestamp to how long it is after that annotation.
    """

    ports = "1/1"
    processing = "a/a"

    cdef bint fixed, first, delta
    cdef int64_t timestamp

    def configure(self, timestamp: Timestamp = None, *, first: Bool = False, delta: Bool = False):
        if delta and (first or timestamp is not None):
            raise ArgumentError("give it alone: neither with FIRST nor with a TIMESTAMP", "DELTA")
        self.fixed, self.first, self.delta = timestamp is not None, first, delta
        self.timestamp = timestamp or 0

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef int64_t when
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if self.delta:
                memcpy(&when, packet.annotations + ANNO_FIRST_TIMESTAMP, 8)
                packet.timestamp -= when
                continue
            when = self.timestamp if self.fixed else clock_wall(&self.vcpu.clock)
            if self.first:
                memcpy(packet.annotations + ANNO_FIRST_TIMESTAMP, &when, 8)
            else:
                packet.timestamp = when
