"""SetIPChecksum: compute the IPv4 header's checksum (Click's SetIPChecksum)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from elements.ip.header cimport marked_whole_ip
from netos.checksum cimport checksum_ip
from netos.element cimport Element
from netos.packet cimport DROP_NOT_IP, DROP_NO_BUFFER, Batch, Descriptor, packet_network, packet_writable
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, ip_header_length
from netos.wire cimport store_be16

from netos.handlers import read_handler


cdef class SetIPChecksum(Element):
    """Set the checksum of the marked IP header; drop packets that have none.

    Handlers: drops (read).
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint64_t bad

    @read_handler("drops")
    def rejected(self):
        """Packets without an IP header."""
        return self.bad

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        cdef uint8_t *ip
        for i in range(batch.count):
            packet = batch.packets[i]
            if marked_whole_ip(packet) == NULL:
                self.bad += 1
                self.drop(packet, DROP_NOT_IP)
                continue
            if not packet_writable(self.vcpu, packet):
                self.drop(packet, DROP_NO_BUFFER)
                continue
            ip = packet_network(packet)
            store_be16(ip + IP_AT_CHECKSUM, 0)
            store_be16(ip + IP_AT_CHECKSUM, checksum_ip(ip, ip_header_length(ip)))
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
