"""CheckTCPHeader: let only well-formed TCP packets pass (RFC 9293 section 3.1; Click's CheckTCPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport NO_PROBLEM, WRONG_CHECKSUM, WRONG_LENGTH, PayloadCheck, payload_problem
from elements.ip.header cimport marked_ip, marked_payload
from netos.checksum cimport checksum_finish, checksum_partial, checksum_pseudo_ip
from netos.packet cimport VIRTIO_DATA_VALID, VIRTIO_NEEDS_CHECKSUM, Descriptor
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP
from netos.proto.tcp cimport TCP_HEADER_LENGTH, tcp_header_length

cdef enum:
    VOUCHED = VIRTIO_NEEDS_CHECKSUM | VIRTIO_DATA_VALID         # somebody answers for the checksum


cdef class CheckTCPHeader(PayloadCheck):
    """Check lengths and checksum of TCP packets behind the marked IP header; fragments cannot be checked.

    Bad packets leave by output 1, or are dropped. A partial checksum (offload) is right. VERBOSE logs every bad packet.
    Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "TCP header"
    reasons = ("not TCP", "bad packet length", "bad TCP checksum", "fragment")

    cdef bint check(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t length
        cdef const uint8_t *ip = marked_ip(packet)
        cdef const uint8_t *tcp = marked_payload(packet, IP_PROTOCOL_TCP, &length)
        cdef int problem = payload_problem(ip, tcp, IP_PROTOCOL_TCP)
        if problem != NO_PROBLEM:
            return self.refuse(packet, problem)
        if length < TCP_HEADER_LENGTH or not TCP_HEADER_LENGTH <= tcp_header_length(tcp) <= length:
            return self.refuse(packet, WRONG_LENGTH)
        if not packet.virtio_flags & VOUCHED and not sum_is_right(ip, tcp, length):
            return self.refuse(packet, WRONG_CHECKSUM)
        return 1


cdef inline bint sum_is_right(const uint8_t *ip, const uint8_t *tcp, uint32_t length) noexcept nogil:
    return checksum_finish(checksum_partial(tcp, length, checksum_pseudo_ip(ip, length))) == 0
