"""IPEncap: put an IPv4 header in front of packets (RFC 791, RFC 2003; Click's IPEncap)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from elements.ip.encapsulation cimport Encapsulation, encapsulate
from netos.checksum cimport checksum_ip
from netos.packet cimport Batch, Descriptor, packet_destination, packet_set_destination, packet_set_network
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_TOS, IP_DONT_FRAGMENT, IP_DSCP_SHIFT, IP_ECN_CE, IP_HEADER_LENGTH, ip_write,
)
from netos.wire cimport be32toh, htobe32, store_be16

from elements.ip.encap_arguments import AddressOrAnnotation, Capable
from netos.args import Bool, Byte, IPv4, Integer, Protocol
from netos.errors import ArgumentError


cdef class IPEncap(Encapsulation):
    """Encapsulate packets in IP of protocol PROTO from SRC to DST, which becomes the destination annotation.

    DST may be DST_ANNO: each packet's destination annotation. TOS, or DSCP with ECT and CE, TTL (250) and DF set the
    fields of those names. Handlers: src, dst (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    offload = "none"

    cdef uint8_t protocol
    cdef uint8_t tos
    cdef uint8_t ttl
    cdef uint16_t fragment

    def configure(self, proto: Protocol, src: IPv4, dst: AddressOrAnnotation, *, tos: Byte = None, ttl: Byte = 250,
                  dscp: Integer(minimum=0, maximum=63) = None, ect: Capable = 0, ce: Bool = False, df: Bool = False):
        if tos is not None and (dscp is not None or ect or ce):
            raise ArgumentError("give either TOS or DSCP, ECT and CE", "TOS")
        self.protocol, self.ttl, self.fragment = proto, ttl, IP_DONT_FRAGMENT if df else 0
        self.tos = tos if tos is not None else (dscp or 0) << IP_DSCP_SHIFT | (IP_ECN_CE if ce else ect)
        self.set_src(src)
        self.set_dst(dst)

    cdef void process(self, Batch *batch) noexcept nogil:
        encapsulate(self, batch, IP_HEADER_LENGTH)

    cdef void write(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t destination = be32toh(packet_destination(packet)) if self.by_annotation else self.destination
        self.identification += 1
        ip_write(packet.data, packet.length, self.protocol, self.source, destination, self.ttl, self.identification,
                 self.fragment)
        packet.data[IP_AT_TOS] = self.tos
        store_be16(packet.data + IP_AT_CHECKSUM, checksum_ip(packet.data, IP_HEADER_LENGTH))
        packet_set_network(packet, packet.data, IP_HEADER_LENGTH)
        packet_set_destination(packet, htobe32(destination))
