"""IPMirror: send IPv4 packets back to where they come from (Click's IPMirror)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_ip, marked_whole_ip
from netos.element cimport Element
from netos.packet cimport (
    DROP_NOT_IP, DROP_NO_BUFFER, Batch, Descriptor, packet_network, packet_network_length, packet_set_destination,
    packet_writable,
)
from netos.proto.ipv4 cimport (
    IP_AT_DESTINATION, IP_AT_PROTOCOL, IP_AT_SOURCE, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_header_length,
    ip_is_first_fragment,
)
from netos.wire cimport load16, load32, store16, store32

from netos.args import Bool


cdef class IPMirror(Element):
    """Exchange source and destination, of TCP and UDP the ports, too; no checksum changes by that.

    DST_ANNO, true by default, sets the destination annotation to the new destination.
    """

    ports = "1/1"
    processing = "a/a"

    cdef bint annotate

    def configure(self, dst_anno: Bool = True):
        self.annotate = dst_anno

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if marked_ip(packet) == NULL:
                self.drop(packet, DROP_NOT_IP)
            elif not packet_writable(self.vcpu, packet):
                self.drop(packet, DROP_NO_BUFFER)
            else:
                self.mirror(packet)
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept

    cdef void mirror(self, Descriptor *packet) noexcept nogil:
        cdef uint8_t *ip = packet_network(packet)
        cdef uint8_t *ports = ip + ip_header_length(ip)
        cdef uint32_t address = load32(ip + IP_AT_SOURCE)
        cdef uint32_t port
        store32(ip + IP_AT_SOURCE, load32(ip + IP_AT_DESTINATION))
        store32(ip + IP_AT_DESTINATION, address)
        if self.annotate:
            packet_set_destination(packet, address)
        if (ip[IP_AT_PROTOCOL] in (IP_PROTOCOL_TCP, IP_PROTOCOL_UDP) and marked_whole_ip(packet) != NULL
                and ip_is_first_fragment(ip) and packet_network_length(packet) >= ip_header_length(ip) + 4):
            port = load16(ports)
            store16(ports, load16(ports + 2))
            store16(ports + 2, <unsigned short>port)
