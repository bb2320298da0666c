"""ConnTrackConfirm: the place that packets pass which the rules let through (the end of an nf_conntrack chain)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from elements.firewall.conntrack cimport ConnTrack
from elements.firewall.tracking cimport Tracked, find_tracked
from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element
from netos.kernel.clock cimport clock_peek
from netos.packet cimport Batch
from netos.proto.flows cimport FLOW_CONFIRMED, flow_confirm

from netos.args import ElementName


cdef class ConnTrackConfirm(Element):
    """Confirm the connection of each packet in the table of a ConnTrack: replies now belong to it.

    Put it behind the rules. Without one, connections are confirmed when they begin, so that packets which a rule
    refuses open the way for what looks like an answer to them.
    """

    ports = "1/1"
    processing = "a/a"
    phase = 110         # after ConnTrack

    cdef ConnTrack tracker

    def configure(self, tracker: ElementName("ConnTrack")):
        self.tracker = tracker
        tracker.confirm()

    @property
    def confirms(self):
        """The table whose connections are confirmed."""
        return self.tracker.table

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint8_t *ip
        cdef Tracked tracked
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            ip = marked_whole_ip(batch.packets[i])
            if ip != NULL and find_tracked(&self.tracker.table.flows, batch.packets[i], ip, &tracked):
                if not tracked.connection.flags & FLOW_CONFIRMED:
                    flow_confirm(&self.tracker.table.flows, tracked.connection, now)
