"""HostEtherFilter: let through the frames that a host would take (Click's HostEtherFilter)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from netos.element cimport Element
from netos.packet cimport (
    DROP_OTHER_HOST, DROP_OWN, DROP_TRUNCATED, TO_BROADCAST, TO_HOST, TO_MULTICAST, TO_OTHER_HOST, Batch, Descriptor,
)
from netos.proto.ethernet cimport (
    ETHER_AT_DESTINATION, ETHER_AT_SOURCE, ETHER_HEADER_LENGTH, ether_is_broadcast, ether_is_group,
)
from netos.wire cimport load_be48

from netos.addresses import EtherAddress
from netos.args import Bool, Ether, Unsigned
from netos.handlers import write_handler


cdef class HostEtherFilter(Element):
    """Pass frames to ETHER and to groups; frames to others go to output 1, or are dropped, unless DROP_OTHER is false.

    With DROP_OWN so do frames from ETHER. The packet type of what passes is set: to this host, to another, broadcast,
    multicast. The Ethernet header is OFFSET bytes from the start. Handlers: ether (read, write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    live_reconfigure = True
    handlers = ("ether",)

    cdef uint64_t address
    cdef bint drop_own
    cdef bint drop_other
    cdef uint32_t offset

    def configure(self, ether: Ether, drop_own: Bool = False, drop_other: Bool = True, *,
                  offset: Unsigned(maximum=65535) = 0):
        self.address = int(ether)
        self.drop_own = drop_own
        self.drop_other = drop_other
        self.offset = offset

    @property
    def ether(self):
        """The host's address."""
        return EtherAddress(self.address)

    @write_handler("ether")
    def set_ether(self, ether: Ether):
        """Be another host."""
        words = [str(ether), str(bool(self.drop_own)).lower(), str(bool(self.drop_other)).lower()]
        self.router.reconfigure(self, ", ".join([*words, f"OFFSET {self.offset}"]))

    cdef int verdict(self, Descriptor *packet) noexcept nogil:
        """Set the packet's type; return why it must not pass, or 0."""
        cdef const uint8_t *frame = packet.data + self.offset
        if packet.length < self.offset + ETHER_HEADER_LENGTH:
            return DROP_TRUNCATED
        if self.drop_own and load_be48(frame + ETHER_AT_SOURCE) == self.address:
            return DROP_OWN
        if ether_is_group(frame + ETHER_AT_DESTINATION):
            packet.packet_type = TO_BROADCAST if ether_is_broadcast(frame + ETHER_AT_DESTINATION) else TO_MULTICAST
            return 0
        if load_be48(frame + ETHER_AT_DESTINATION) == self.address:
            packet.packet_type = TO_HOST
            return 0
        packet.packet_type = TO_OTHER_HOST
        return DROP_OTHER_HOST if self.drop_other else 0

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, kept = 0
        cdef int reason
        for i in range(batch.count):
            reason = self.verdict(batch.packets[i])
            if reason:
                self.reject(batch.packets[i], reason)
                continue
            batch.packets[kept] = batch.packets[i]
            kept += 1
        batch.count = kept
