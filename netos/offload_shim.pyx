"""Shims before elements that cannot take offloaded packets, as their `offload` says.

An element whose `offload` is "none" gets neither a partial checksum nor a segmentation packet, one with "checksum" no
segmentation packet: a shim before it completes or cuts them (netos.offload), and counts both.
"""

cimport cython

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.offload cimport Segments, checksum_complete, packet_offloaded, segments_begin, segments_left, segments_next
from netos.packet cimport (
    BATCH_MAX, DROP_CLOSED, DROP_NO_BUFFER, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, packet_consume,
)

cdef void shim_push(void *object, int port, Batch *batch) noexcept nogil:
    (<OffloadShim>object).push_batch(batch)


cdef void shim_pull(void *object, int port, uint32_t limit, Batch *into) noexcept nogil:
    (<OffloadShim>object).pull_batch(limit, into)


@cython.no_gc_clear
cdef class OffloadShim:
    """Completes, and cuts, what goes to an element that cannot do it; made by bind_offload.

    Segments beyond what a pull asked for wait here for the next. What cannot be completed is a drop of the element's.
    """

    def __init__(self, Element element not None, bint checksums):
        self.element = element
        self.checksums = checksums

    @property
    def held(self):
        """Packets that wait for the next pull; one that is being cut counts as one."""
        return self.behind - self.first + (1 if self.segments.packet != NULL else 0)

    def before_input(self, int port):
        """Stand between a pull input and what it pulls from."""
        self.target = self.element.inputs[port]
        self.element.inputs[port].pull = shim_pull
        self.element.inputs[port].object = <void *>self

    def after_output(self, Element source not None, int output):
        """Stand between a push output and the element's input it leads to; several outputs may lead to one input."""
        self.target = source.outputs[output]
        source.outputs[output].push = shim_push
        source.outputs[output].object = <void *>self

    def close(self):
        """Drop what waits."""
        if self.segments.packet != NULL:
            self.element.drop(self.segments.packet, DROP_CLOSED)
            self.segments.packet = NULL
        while self.first != self.behind:
            self.element.drop(self.pending[self.first], DROP_CLOSED)
            self.first += 1

    cdef Descriptor *completed_packet(self, Descriptor *packet) noexcept nogil:
        """The packet with its checksum complete where that is wanted; NULL when it had to be dropped."""
        cdef int reason
        if not self.checksums or not packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
            return packet
        reason = checksum_complete(self.element.vcpu, packet)
        if reason:
            self.element.drop(packet, reason)
            return NULL
        self.completed += 1
        return packet

    cdef bint begin(self, Segments *segments, Descriptor *packet) noexcept nogil:
        """Begin to cut a packet; 0 when it had to be dropped."""
        cdef int reason = segments_begin(segments, packet)
        if reason:
            segments.packet = NULL
            self.element.drop(packet, reason)
            return 0
        self.segmented += 1
        return 1

    cdef Descriptor *following(self, Segments *segments) noexcept nogil:
        """The next segment; NULL after the last one, when the packet has ended."""
        cdef Descriptor *segment = segments_next(segments, self.element.vcpu)
        cdef bint done = not segments_left(segments)
        if segment == NULL and not done:
            self.element.drop(segments.packet, DROP_NO_BUFFER)
        elif done:
            packet_consume(self.element.vcpu, segments.packet)
        if segment == NULL or done:
            segments.packet = NULL
        return segment

    cdef void flush(self, Batch *batch) noexcept nogil:
        if batch.count:
            self.target.push(self.target.object, self.target.port, batch)
            batch.count = 0

    cdef void push_batch(self, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Segments segments
        cdef Batch ready
        cdef Descriptor *packet
        cdef uint32_t i = 0, limit = self.element.vcpu.width
        while i < batch.count and not packet_offloaded(batch.packets[i]):
            i += 1
        if i == batch.count:
            self.target.push(self.target.object, self.target.port, batch)
            return
        ready.packets = pointers
        ready.count = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.gso_type == 0:
                packet = self.completed_packet(packet)
                segments.packet = NULL
            elif self.begin(&segments, packet):
                packet = self.following(&segments)
            else:
                continue
            while packet != NULL:
                pointers[ready.count] = packet
                ready.count += 1
                if ready.count >= limit:
                    self.flush(&ready)
                    ready.packets = pointers
                packet = self.following(&segments) if segments.packet != NULL else NULL
        self.flush(&ready)

    cdef void pull_batch(self, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t i, end = into.count + limit
        cdef Descriptor *packet
        while into.count < end:
            if self.segments.packet != NULL:
                packet = self.following(&self.segments)
            elif self.first != self.behind:
                packet = self.pending[self.first]
                self.first += 1
                if packet.gso_type:
                    self.begin(&self.segments, packet)
                    continue
                packet = self.completed_packet(packet)
            else:
                i = into.count
                self.target.pull(self.target.object, self.target.port, end - into.count, into)
                if into.count == i:
                    return
                while i < into.count and not packet_offloaded(into.packets[i]):
                    i += 1
                self.first = 0
                self.behind = into.count - i
                if self.behind:
                    memcpy(self.pending, into.packets + i, self.behind * sizeof(Descriptor *))
                into.count = i
                if self.behind == 0:
                    return
                continue
            if packet != NULL:
                into.packets[into.count] = packet
                into.count += 1


def bind_offload(Element element not None):
    """Put shims before the inputs of an element that cannot take offloaded packets, as its `offload` says; return them.

    Called once the graph is connected and initialised: an element may know only then what its device can do.
    """
    cdef int port
    cdef OffloadShim shim
    shims = []
    if element.offload == "any":
        return shims
    for port in range(element.n_inputs):
        if element.input_processing[port] == "l":
            shim = OffloadShim(element, element.offload != "checksum")
            shim.before_input(port)
            shims.append(shim)
            continue
        for source, output in element.router.feeding(element, port):
            shim = OffloadShim(element, element.offload != "checksum")
            shim.after_output(source, output)
            shims.append(shim)
    return shims
