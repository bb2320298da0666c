"""CheckICMPHeader: let only well-formed ICMP messages pass (RFC 792, RFC 1122 3.2.2; Click's CheckICMPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport HeaderCheck
from elements.ip.header cimport marked_ip, marked_payload
from netos.checksum cimport checksum_data
from netos.packet cimport DROP_BAD_CHECKSUM, DROP_BAD_LENGTH, DROP_FRAGMENT, DROP_NO_MATCH, Batch, Descriptor
from netos.proto.icmp cimport ICMP_AT_TYPE, ICMP_HEADER_LENGTH, icmp_header_length
from netos.proto.ipv4 cimport IP_AT_PROTOCOL, IP_PROTOCOL_ICMP, ip_is_fragment

from netos.args import Bool

cdef enum:
    NOT_ICMP, LENGTH, CHECKSUM, FRAGMENT


cdef class CheckICMPHeader(HeaderCheck):
    """Check length and checksum of ICMP messages behind the marked IP header; fragments cannot be checked.

    Bad packets leave by output 1, or are dropped. VERBOSE logs every one. Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "ICMP header"
    reasons = ("not ICMP", "bad packet length", "bad ICMP checksum", "fragment")

    def configure(self, *, verbose: Bool = False, details: Bool = False):
        self.verbose = verbose

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        for i in range(batch.count):
            if self.check(batch.packets[i]):
                batch.packets[kept] = batch.packets[i]
                kept += 1
        batch.count = kept

    cdef bint check(self, Descriptor *packet) noexcept nogil:
        """0 when the packet was bad and is gone."""
        cdef uint32_t length
        cdef const uint8_t *ip = marked_ip(packet)
        cdef const uint8_t *icmp = marked_payload(packet, IP_PROTOCOL_ICMP, &length)
        if ip == NULL or ip[IP_AT_PROTOCOL] != IP_PROTOCOL_ICMP:
            self.bad(packet, NOT_ICMP, DROP_NO_MATCH)
        elif icmp == NULL:
            self.bad(packet, LENGTH, DROP_BAD_LENGTH)
        elif ip_is_fragment(ip):
            self.bad(packet, FRAGMENT, DROP_FRAGMENT)
        elif length < ICMP_HEADER_LENGTH or length < icmp_header_length(icmp[ICMP_AT_TYPE]):
            self.bad(packet, LENGTH, DROP_BAD_LENGTH)
        elif checksum_data(icmp, length) != 0:
            self.bad(packet, CHECKSUM, DROP_BAD_CHECKSUM)
        else:
            return 1
        return 0
