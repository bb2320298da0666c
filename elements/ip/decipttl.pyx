"""DecIPTTL: take one hop from the time to live (RFC 1812 section 5.3.1; Click's DecIPTTL)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from elements.ip.header cimport marked_ip
from elements.ip.rewrite cimport ttl_decrement, ttl_expires
from netos.element cimport Element
from netos.packet cimport (
    DROP_NO_BUFFER, DROP_NOT_IP, DROP_TTL_EXPIRED, FLAG_SHARED, Batch, Descriptor, packet_network, packet_writable,
)
from netos.proto.ipv4 cimport IP_AT_DESTINATION

from netos.args import Bool
from netos.handlers import read_handler, write_handler

cdef extern from *:
    bint likely(bint) noexcept nogil


cdef class DecIPTTL(Element):
    """Decrement the TTL of the marked IP header and correct its checksum.

    Packets whose TTL would become zero leave by output 1, unchanged, or are dropped. MULTICAST false lets packets to
    multicast addresses pass as they are; ACTIVE false, all packets. Handlers: drops (read), active (read, write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    handlers = ("active",)

    cdef public bint active
    cdef bint multicast
    cdef uint64_t expired

    def configure(self, *, active: Bool = True, multicast: Bool = True):
        self.active = active
        self.multicast = multicast

    @read_handler("drops")
    def rejected(self):
        """Packets whose time was up, dropped or sent out of output 1."""
        return self.expired

    @write_handler("active")
    def set_active(self, active: Bool):
        """Decrement, or let all packets pass."""
        self.active = active

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef uint32_t count = batch.count
        cdef bint multicast = self.multicast
        cdef Descriptor *packet
        cdef Descriptor **packets = batch.packets
        cdef uint8_t *ip
        if not self.active:
            return
        for i in range(count):
            packet = packets[i]
            ip = marked_ip(packet)
            if likely(ip != NULL and not packet.flags & FLAG_SHARED):
                if likely(not ttl_expires(ip) and (multicast or ip[IP_AT_DESTINATION] >> 4 != 14)):
                    ttl_decrement(ip)
                    packets[kept] = packet
                    kept += 1
                    continue
            if self.decide(packet):
                packets[kept] = packet
                kept += 1
        batch.count = kept

    cdef bint decide(self, Descriptor *packet) noexcept nogil:
        """What is to be done with any packet; 0 when it does not go on."""
        cdef uint8_t *ip = marked_ip(packet)
        if ip == NULL:
            self.drop(packet, DROP_NOT_IP)
            return 0
        if not self.multicast and ip[IP_AT_DESTINATION] >> 4 == 14:
            return 1
        if ttl_expires(ip):
            self.expired += 1
            self.reject(packet, DROP_TTL_EXPIRED)
            return 0
        if not packet_writable(self.vcpu, packet):
            self.drop(packet, DROP_NO_BUFFER)
            return 0
        ttl_decrement(packet_network(packet))
        return 1
