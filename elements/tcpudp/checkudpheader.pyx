"""CheckUDPHeader: let only well-formed UDP packets pass (RFC 768; Click's CheckUDPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport NO_PROBLEM, WRONG_CHECKSUM, WRONG_LENGTH, PayloadCheck, payload_problem
from elements.ip.header cimport marked_ip, marked_payload
from netos.checksum cimport checksum_finish, checksum_partial, checksum_pseudo_ip
from netos.packet cimport VIRTIO_DATA_VALID, VIRTIO_NEEDS_CHECKSUM, Descriptor
from netos.proto.ipv4 cimport IP_PROTOCOL_UDP
from netos.proto.udp cimport UDP_HEADER_LENGTH, udp_checksum, udp_length

cdef enum:
    VOUCHED = VIRTIO_NEEDS_CHECKSUM | VIRTIO_DATA_VALID         # somebody answers for the checksum


cdef class CheckUDPHeader(PayloadCheck):
    """Check lengths and checksum of UDP packets behind the marked IP header; fragments cannot be checked.

    Bad packets leave by output 1, or are dropped. A partial checksum (offload) is right, and none. VERBOSE logs every
    bad packet. Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "UDP header"
    reasons = ("not UDP", "bad packet length", "bad UDP checksum", "fragment")

    cdef bint check(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t length
        cdef const uint8_t *ip = marked_ip(packet)
        cdef const uint8_t *udp = marked_payload(packet, IP_PROTOCOL_UDP, &length)
        cdef int problem = payload_problem(ip, udp, IP_PROTOCOL_UDP)
        if problem != NO_PROBLEM:
            return self.refuse(packet, problem)
        if length < UDP_HEADER_LENGTH or not UDP_HEADER_LENGTH <= udp_length(udp) <= length:
            return self.refuse(packet, WRONG_LENGTH)
        if not packet.virtio_flags & VOUCHED and not sum_is_right(ip, udp):
            return self.refuse(packet, WRONG_CHECKSUM)
        return 1


cdef inline bint sum_is_right(const uint8_t *ip, const uint8_t *udp) noexcept nogil:
    cdef uint32_t length = udp_length(udp)
    return (udp_checksum(udp) == 0
            or checksum_finish(checksum_partial(udp, length, checksum_pseudo_ip(ip, length))) == 0)
