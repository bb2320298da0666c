"""SetUDPChecksum: compute UDP checksums (RFC 768; Click's SetUDPChecksum)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_payload
from elements.tcpudp.summing cimport ChecksumFiller
from netos.checksum cimport checksum_finish, checksum_fold, checksum_nonzero, checksum_partial, checksum_pseudo_ip
from netos.packet cimport (
    DROP_BAD_LENGTH, DROP_FRAGMENT, DROP_NO_BUFFER, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_network, packet_writable,
)
from netos.proto.ipv4 cimport IP_PROTOCOL_UDP, ip_is_fragment
from netos.proto.udp cimport UDP_AT_CHECKSUM, UDP_HEADER_LENGTH, udp_length
from netos.wire cimport store_be16


cdef class SetUDPChecksum(ChecksumFiller):
    """Set the checksum of UDP packets behind the marked IP header; what is none, or a fragment, leaves by output 1.

    Or is dropped. A partial checksum (offload) is set as one.
    """

    ports = "1/1-2"
    processing = "a/ah"

    cdef int fill(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t length
        cdef uint8_t *udp = marked_payload(packet, IP_PROTOCOL_UDP, &length)
        if udp == NULL or length < UDP_HEADER_LENGTH or not UDP_HEADER_LENGTH <= udp_length(udp) <= length:
            return DROP_BAD_LENGTH
        if ip_is_fragment(packet_network(packet)):
            return DROP_FRAGMENT
        if not packet_writable(self.vcpu, packet):
            return DROP_NO_BUFFER
        udp = marked_payload(packet, IP_PROTOCOL_UDP, &length)
        length = udp_length(udp)
        if packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
            store_be16(udp + UDP_AT_CHECKSUM, checksum_fold(checksum_pseudo_ip(packet_network(packet), length)))
            return 0
        store_be16(udp + UDP_AT_CHECKSUM, 0)
        store_be16(udp + UDP_AT_CHECKSUM, checksum_nonzero(checksum_finish(
            checksum_partial(udp, length, checksum_pseudo_ip(packet_network(packet), length)))))
        return 0
