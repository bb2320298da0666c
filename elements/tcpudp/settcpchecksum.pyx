"""SetTCPChecksum: compute TCP checksums (RFC 9293 section 3.1; Click's SetTCPChecksum)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_payload
from elements.tcpudp.summing cimport ChecksumFiller
from netos.checksum cimport checksum_finish, checksum_fold, checksum_partial, checksum_pseudo_ip
from netos.packet cimport (
    DROP_BAD_LENGTH, DROP_FRAGMENT, DROP_NO_BUFFER, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_network, packet_writable,
)
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP, ip_is_fragment
from netos.proto.tcp cimport TCP_AT_CHECKSUM, TCP_AT_DATA_OFFSET, TCP_HEADER_LENGTH, tcp_header_length
from netos.wire cimport store_be16

from netos.args import Bool


cdef class SetTCPChecksum(ChecksumFiller):
    """Set the checksum of TCP packets behind the marked IP header; drop what is none, or a fragment.

    FIXOFF also brings a data offset that cannot be into range. A partial checksum (offload) is set as one.
    """

    ports = "1/1"
    processing = "a/a"

    cdef bint fix_offset

    def configure(self, fixoff: Bool = False):
        self.fix_offset = fixoff

    cdef int fill(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t length
        cdef uint8_t *tcp = marked_payload(packet, IP_PROTOCOL_TCP, &length)
        if tcp == NULL or length < TCP_HEADER_LENGTH:
            return DROP_BAD_LENGTH
        if ip_is_fragment(packet_network(packet)):
            return DROP_FRAGMENT
        if not packet_writable(self.vcpu, packet):
            return DROP_NO_BUFFER
        tcp = marked_payload(packet, IP_PROTOCOL_TCP, &length)
        if self.fix_offset and tcp_header_length(tcp) < TCP_HEADER_LENGTH:
            tcp[TCP_AT_DATA_OFFSET] = <uint8_t>(0x50 | tcp[TCP_AT_DATA_OFFSET] & 15)
        elif self.fix_offset and tcp_header_length(tcp) > length:
            tcp[TCP_AT_DATA_OFFSET] = <uint8_t>(length >> 2 << 4 | tcp[TCP_AT_DATA_OFFSET] & 15)
        if packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
            store_be16(tcp + TCP_AT_CHECKSUM, checksum_fold(checksum_pseudo_ip(packet_network(packet), length)))
            return 0
        store_be16(tcp + TCP_AT_CHECKSUM, 0)
        store_be16(tcp + TCP_AT_CHECKSUM, checksum_finish(
            checksum_partial(tcp, length, checksum_pseudo_ip(packet_network(packet), length))))
        return 0
