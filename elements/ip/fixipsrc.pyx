"""FixIPSrc: give packets that ask for it this router's source address (RFC 1812 section 4.3.2.4; Click's FixIPSrc)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_ip
from elements.ip.rewrite cimport source_replace
from netos.element cimport Element
from netos.packet cimport (
    ANNO_FIX_IP_SOURCE, DROP_NOT_IP, DROP_NO_BUFFER, Batch, Descriptor, packet_network, packet_writable,
)
from netos.wire cimport load32

from netos.args import IPv4


cdef class FixIPSrc(Element):
    """Set the source of packets whose Fix IP Source annotation is set to IPADDR, and clear the annotation.

    ICMPError sets it: an error comes from the address of the interface it leaves by.
    """

    ports = "1/1"
    processing = "a/a"
    live_reconfigure = True

    cdef uint32_t address           # in network order

    def configure(self, ipaddr: IPv4):
        cdef bytes packed = ipaddr.packed
        self.address = load32(<const uint8_t *>packed)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.annotations[ANNO_FIX_IP_SOURCE] and not self.fix(packet):
                continue
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept

    cdef bint fix(self, Descriptor *packet) noexcept nogil:
        """Do it; 0 when the packet had to be dropped."""
        if marked_ip(packet) == NULL:
            self.drop(packet, DROP_NOT_IP)
            return 0
        if not packet_writable(self.vcpu, packet):
            self.drop(packet, DROP_NO_BUFFER)
            return 0
        packet.annotations[ANNO_FIX_IP_SOURCE] = 0
        source_replace(packet_network(packet), self.address)
        return 1
