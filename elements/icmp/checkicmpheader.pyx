"""CheckICMPHeader: let only well-formed ICMP messages pass (RFC 792, RFC 1122 3.2.2; Click's CheckICMPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport NO_PROBLEM, WRONG_CHECKSUM, WRONG_LENGTH, PayloadCheck, payload_problem
from elements.ip.header cimport marked_ip, marked_payload
from netos.checksum cimport checksum_data
from netos.packet cimport Descriptor
from netos.proto.icmp cimport ICMP_AT_TYPE, ICMP_HEADER_LENGTH, icmp_header_length
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP


cdef class CheckICMPHeader(PayloadCheck):
    """Check length and checksum of ICMP messages behind the marked IP header; fragments cannot be checked.

    Bad packets leave by output 1, or are dropped. VERBOSE logs every one. Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "ICMP header"
    reasons = ("not ICMP", "bad packet length", "bad ICMP checksum", "fragment")

    cdef bint check(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t length
        cdef const uint8_t *ip = marked_ip(packet)
        cdef const uint8_t *icmp = marked_payload(packet, IP_PROTOCOL_ICMP, &length)
        cdef int problem = payload_problem(ip, icmp, IP_PROTOCOL_ICMP)
        if problem != NO_PROBLEM:
            return self.refuse(packet, problem)
        if length < ICMP_HEADER_LENGTH or length < icmp_header_length(icmp[ICMP_AT_TYPE]):
            return self.refuse(packet, WRONG_LENGTH)
        if checksum_data(icmp, length) != 0:
            return self.refuse(packet, WRONG_CHECKSUM)
        return 1
