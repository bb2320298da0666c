"""Traces: chosen packets, followed from port to port to their end; nothing is there, and nothing costs, unless wanted.

A traced packet carries FLAG_TRACED in its descriptor. Whoever releases it finds the flag where it looks for shared
buffers anyway, and tells the trace; so does whoever clones it, and the drop hook knows the reason of a drop. A
descriptor that is used anew has no flag: two packets are never taken for one.
"""

cimport cython
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from netos.capture cimport (
    RECORD_CLONE, RECORD_DROP, RECORD_END, RECORD_PACKET, CaptureRing, Filter, Record, clock_stamp,
)
from netos.element cimport Element
from netos.packet cimport FLAG_TRACED, Batch, Descriptor, Vcpu
from netos.portpatch cimport PortPatch

from netos.drophook import set_drop_hook
from netos.errors import NetosError
from netos.packet import set_trace_hook

cdef enum:
    FOLLOWED_MAX = 1024         # packets under way at once, with their clones


cdef struct Followed:
    Descriptor *packet
    uint32_t number
    uint32_t edge               # the last one it crossed


cdef void *current = NULL       # the Trace that runs; it keeps itself alive until it is closed


@cython.no_gc_clear
cdef class Trace:
    """Follows the first `most` packets that match; the others pass. Only one trace runs at a time.

    `elements` are numbered in drop records by their place in this list.
    """

    cdef readonly CaptureRing ring
    cdef readonly Filter filter
    cdef readonly uint32_t wanted       # packets still to be found
    cdef readonly uint32_t numbers      # given out
    cdef readonly uint32_t unfollowed   # clones that found no room
    cdef uint32_t count
    cdef Followed *followed
    cdef void **elements
    cdef uint32_t element_count
    cdef list kept
    cdef bint running

    def __cinit__(self, *args):
        self.followed = <Followed *>calloc(FOLLOWED_MAX, sizeof(Followed))
        if self.followed == NULL:
            raise MemoryError("netos: no memory for a trace")

    def __init__(self, CaptureRing ring not None, Filter filter not None, uint32_t most):
        self.ring, self.filter, self.wanted = ring, filter, most
        self.kept = []

    def __dealloc__(self):
        free(self.followed)
        free(self.elements)

    def know(self, elements):
        """Number these elements, too; the packets are held meanwhile."""
        self.kept += elements
        cdef void **table = <void **>calloc(len(self.kept) + 1, sizeof(void *))
        if table == NULL:
            raise MemoryError("netos: no memory for a trace")
        for number, element in enumerate(self.kept):
            table[number] = <void *>element
        free(self.elements)
        self.elements = table
        self.element_count = <uint32_t>len(self.kept)

    def start(self):
        """Be told of ends, clones and drops. Raises NetosError when another trace runs."""
        global current
        if current != NULL:
            raise NetosError("a trace runs already: wait for its end, or end it with Ctrl-C where it was started")
        current = <void *>self
        running.append(self)
        set_trace_hook(<size_t>&trace_told)
        set_drop_hook(<size_t>&trace_dropped, True)

    def close(self):
        """Follow nothing any more; harmless when called twice, or never started."""
        global current
        if current == <void *>self:
            set_trace_hook(0)
            set_drop_hook(<size_t>&trace_dropped, False)
            current = NULL
            running.remove(self)
        self.wanted = self.count = 0

    @property
    def under_way(self):
        """The packets that have not ended: {number: the edge they crossed last}."""
        cdef Followed copied[FOLLOWED_MAX]
        cdef uint32_t i, count
        self.ring.lock()
        count = self.count
        memcpy(copied, self.followed, count * sizeof(Followed))
        self.ring.unlock()
        return {copied[i].number: copied[i].edge for i in range(count)}

    cdef Followed *find(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t i
        for i in range(self.count):
            if self.followed[i].packet == packet:
                return &self.followed[i]
        return NULL

    cdef Followed *follow(self, Descriptor *packet, uint32_t edge) noexcept nogil:
        """Number a packet and follow it; NULL when that are too many."""
        cdef Followed *found
        if self.count == FOLLOWED_MAX:
            self.unfollowed += 1
            return NULL
        found = &self.followed[self.count]
        self.count += 1
        self.numbers += 1
        found.packet = packet
        found.number = self.numbers
        found.edge = edge
        packet.flags |= FLAG_TRACED
        return found

    cdef void forget(self, Followed *found) noexcept nogil:
        self.count -= 1
        found[0] = self.followed[self.count]

    cdef void cross(self, Descriptor *packet, uint32_t edge, Vcpu *vcpu) noexcept nogil:
        """A packet crosses an edge."""
        cdef Followed *found = NULL
        cdef Record record
        if not packet.flags & FLAG_TRACED and (self.wanted == 0 or not self.filter.accepts(packet)):
            return
        memset(&record, 0, sizeof(Record))
        record.kind = RECORD_PACKET
        record.edge = edge
        record.time = clock_stamp(&vcpu.clock)
        self.ring.lock()
        if packet.flags & FLAG_TRACED:
            found = self.find(packet)
        if found == NULL:
            packet.flags &= ~FLAG_TRACED        # of a trace that has ended
            if self.wanted and self.filter.accepts(packet):
                found = self.follow(packet, edge)
                if found != NULL:
                    self.wanted -= 1
        if found != NULL:
            found.edge = edge
            record.packet = found.number
            self.ring.put(&record, packet)
        self.ring.unlock()

    cdef void told(self, Vcpu *vcpu, Descriptor *packet, Descriptor *copy) noexcept nogil:
        """A packet ends, or is cloned."""
        cdef Followed *found
        cdef Followed *child
        cdef Record record
        memset(&record, 0, sizeof(Record))
        record.time = clock_stamp(&vcpu.clock)
        self.ring.lock()
        found = self.find(packet)
        if found != NULL:
            record.edge = found.edge
            record.packet = found.number
            if copy == NULL:
                record.kind = RECORD_END
                self.forget(found)
                self.ring.put(&record, NULL)
            else:
                child = self.follow(copy, found.edge)
                if child != NULL:
                    record.kind = RECORD_CLONE
                    record.other = record.packet
                    record.packet = child.number
                    self.ring.put(&record, NULL)
        self.ring.unlock()

    cdef void dropped(self, Element element, Descriptor *packet, int reason) noexcept nogil:
        cdef Followed *found
        cdef Record record
        memset(&record, 0, sizeof(Record))
        record.kind = RECORD_DROP
        record.time = clock_stamp(&element.vcpu.clock)
        record.reason = reason
        record.other = 0
        while record.other < self.element_count and self.elements[record.other] != <void *>element:
            record.other += 1
        self.ring.lock()
        found = self.find(packet)
        if found != NULL:
            record.packet = found.number
            record.edge = found.edge
            self.forget(found)
            self.ring.put(&record, packet)
        self.ring.unlock()
        packet.flags &= ~FLAG_TRACED


running = []                    # keeps the current trace


cdef void trace_told(Vcpu *vcpu, Descriptor *packet, Descriptor *copy) noexcept nogil:
    if current != NULL:
        (<Trace>current).told(vcpu, packet, copy)


cdef void trace_dropped(void *element, Descriptor *packet, int reason) noexcept nogil:
    if current != NULL and packet.flags & FLAG_TRACED:
        (<Trace>current).dropped(<Element>element, packet, reason)


cdef class TracePatch(PortPatch):
    """Shows a trace what crosses a port, as `edge`."""

    cdef readonly Trace trace
    cdef readonly uint32_t edge

    def __init__(self, Trace trace not None, uint32_t edge):
        self.trace, self.edge = trace, edge

    cdef void look(self, Batch *batch, uint32_t first) noexcept nogil:
        cdef uint32_t i
        for i in range(first, batch.count):
            if batch.packets[i].flags & FLAG_TRACED or self.trace.wanted:
                self.trace.cross(batch.packets[i], self.edge, self.element.vcpu)
