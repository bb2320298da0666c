"""UDPIPEncap: put UDP and IPv4 headers in front of packets (RFC 768; Click's UDPIPEncap)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from elements.ip.encapsulation cimport Encapsulation, encapsulate
from netos.checksum cimport checksum_finish, checksum_ip, checksum_nonzero, checksum_partial, checksum_pseudo
from netos.packet cimport Batch, Descriptor, packet_destination, packet_set_destination, packet_set_network
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, IP_HEADER_LENGTH, IP_PROTOCOL_UDP, ip_write
from netos.proto.udp cimport UDP_AT_CHECKSUM, UDP_HEADER_LENGTH, udp_write
from netos.wire cimport be32toh, htobe32, store_be16

from elements.ip.encap_arguments import AddressOrAnnotation
from netos.args import Bool, IPv4, Port
from netos.handlers import write_handler

cdef enum:
    HEADERS = IP_HEADER_LENGTH + UDP_HEADER_LENGTH
    TTL = 250


cdef class UDPIPEncap(Encapsulation):
    """Encapsulate packets in UDP from SRC, SPORT to DST, DPORT; DST becomes the destination annotation.

    DST may be DST_ANNO: each packet's destination annotation. CHECKSUM false leaves the UDP checksum out.
    Handlers: src, sport, dst, dport (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("sport", "dport")
    offload = "none"

    cdef readonly uint16_t sport
    cdef readonly uint16_t dport
    cdef bint with_checksum

    def configure(self, src: IPv4, sport: Port("udp"), dst: AddressOrAnnotation, dport: Port("udp"),
                  checksum: Bool = True):
        self.sport, self.dport, self.with_checksum = sport, dport, checksum
        self.set_src(src)
        self.set_dst(dst)

    @write_handler("sport")
    def set_sport(self, port: Port("udp")):
        """Take another source port."""
        self.sport = port

    @write_handler("dport")
    def set_dport(self, port: Port("udp")):
        """Take another destination port."""
        self.dport = port

    cdef void process(self, Batch *batch) noexcept nogil:
        encapsulate(self, batch, HEADERS)

    cdef void write(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t destination = be32toh(packet_destination(packet)) if self.by_annotation else self.destination
        cdef uint32_t length = packet.length - IP_HEADER_LENGTH
        cdef uint8_t *udp = packet.data + IP_HEADER_LENGTH
        self.identification += 1
        ip_write(packet.data, packet.length, IP_PROTOCOL_UDP, self.source, destination, TTL, self.identification, 0)
        store_be16(packet.data + IP_AT_CHECKSUM, checksum_ip(packet.data, IP_HEADER_LENGTH))
        udp_write(udp, self.sport, self.dport, length)
        if self.with_checksum:
            store_be16(udp + UDP_AT_CHECKSUM, checksum_nonzero(checksum_finish(
                checksum_partial(udp, length, checksum_pseudo(self.source, destination, IP_PROTOCOL_UDP, length)))))
        packet_set_network(packet, packet.data, IP_HEADER_LENGTH)
        packet_set_destination(packet, htobe32(destination))
