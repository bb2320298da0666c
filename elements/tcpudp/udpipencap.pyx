"""UDPIPEncap: put UDP and IPv4 headers in front of packets (RFC 768; Click's UDPIPEncap)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from netos.checksum cimport checksum_finish, checksum_ip, checksum_nonzero, checksum_partial, checksum_pseudo
from netos.element cimport Element
from netos.packet cimport (
    DROP_NO_HEADROOM, DROP_TOO_BIG, Batch, Descriptor, packet_destination, packet_prepend, packet_set_destination,
    packet_set_network,
)
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, IP_HEADER_LENGTH, IP_MAXIMUM_LENGTH, IP_PROTOCOL_UDP, ip_write
from netos.proto.udp cimport UDP_AT_CHECKSUM, UDP_HEADER_LENGTH, udp_write
from netos.wire cimport be32toh, htobe32, store_be16

from elements.ip.encap_arguments import AddressOrAnnotation, shown
from netos.addresses import IPv4Address
from netos.args import Bool, IPv4, Port
from netos.handlers import read_handler, write_handler

cdef enum:
    HEADERS = IP_HEADER_LENGTH + UDP_HEADER_LENGTH
    TTL = 250


cdef class UDPIPEncap(Element):
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
    cdef uint32_t source
    cdef uint32_t destination
    cdef bint by_annotation
    cdef bint with_checksum
    cdef uint16_t identification

    def configure(self, src: IPv4, sport: Port("udp"), dst: AddressOrAnnotation, dport: Port("udp"),
                  checksum: Bool = True):
        self.sport, self.dport, self.with_checksum = sport, dport, checksum
        self.set_src(src)
        self.set_dst(dst)

    @read_handler
    def src(self):
        """The source address."""
        return IPv4Address(self.source)

    @write_handler("src")
    def set_src(self, address: IPv4):
        """Take another source address."""
        self.source = int(address)

    @write_handler("sport")
    def set_sport(self, port: Port("udp")):
        """Take another source port."""
        self.sport = port

    @read_handler
    def dst(self):
        """The destination address."""
        return shown(None if self.by_annotation else IPv4Address(self.destination))

    @write_handler("dst")
    def set_dst(self, address: AddressOrAnnotation):
        """Take another destination address."""
        self.by_annotation = address is None
        self.destination = 0 if address is None else int(address)

    @write_handler("dport")
    def set_dport(self, port: Port("udp")):
        """Take another destination port."""
        self.dport = port

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.length > IP_MAXIMUM_LENGTH - HEADERS:
                self.drop(packet, DROP_TOO_BIG)
            elif not packet_prepend(self.vcpu, packet, HEADERS):
                self.drop(packet, DROP_NO_HEADROOM)
            else:
                self.write(packet)
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept

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
