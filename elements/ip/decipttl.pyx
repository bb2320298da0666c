"""DecIPTTL: take one hop from the time to live (RFC 1812 section 5.3.1; Click's DecIPTTL)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from elements.ip.header cimport marked_ip
from netos.element cimport Element
from netos.packet cimport (
    DROP_NOT_IP, DROP_NO_BUFFER, DROP_TTL_EXPIRED, FLAG_SHARED, Batch, Descriptor, packet_writable,
)
from netos.proto.ipv4 cimport IP_AT_DESTINATION, IP_AT_TTL
from netos.wire cimport load_be32, store_be32

from netos.args import Bool
from netos.handlers import read_handler, write_handler


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
        cdef uint32_t i, word, check
        cdef uint32_t kept = 0
        cdef bint multicast = self.multicast
        cdef Descriptor *packet
        cdef Descriptor **packets = batch.packets
        cdef uint8_t *ip
        if not self.active:
            return
        for i in range(batch.count):
            packet = packets[i]
            ip = marked_ip(packet)
            if ip == NULL:
                self.drop(packet, DROP_NOT_IP)
                continue
            if not multicast and ip[IP_AT_DESTINATION] >> 4 == 14:
                packets[kept] = packet
                kept += 1
                continue
            word = load_be32(ip + IP_AT_TTL)            # TTL, protocol and checksum
            if word < 0x02000000:
                self.expired += 1
                self.reject(packet, DROP_TTL_EXPIRED)
                continue
            if packet.flags & FLAG_SHARED:
                if not packet_writable(self.vcpu, packet):
                    self.drop(packet, DROP_NO_BUFFER)
                    continue
                ip = marked_ip(packet)
            # RFC 1624 for a field less by 0x0100: the sum grows by it, the carry comes round, 0xFFFF becomes 0
            check = (word & 0xFFFF) + 0x100
            check += check >= 0xFFFF
            store_be32(ip + IP_AT_TTL, (word & <uint32_t>0xFFFF0000) - 0x01000000 | check & 0xFFFF)
            packets[kept] = packet
            kept += 1
        batch.count = kept
