"""CheckUDPHeader: let only well-formed UDP packets pass (RFC 768; Click's CheckUDPHeader)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checking cimport HeaderCheck
from elements.ip.header cimport marked_ip, marked_payload
from netos.checksum cimport checksum_finish, checksum_partial, checksum_pseudo_ip
from netos.packet cimport (
    DROP_BAD_CHECKSUM, DROP_BAD_LENGTH, DROP_FRAGMENT, DROP_NO_MATCH, VIRTIO_DATA_VALID, VIRTIO_NEEDS_CHECKSUM, Batch,
    Descriptor,
)
from netos.proto.ipv4 cimport IP_AT_PROTOCOL, IP_PROTOCOL_UDP, ip_is_fragment
from netos.proto.udp cimport UDP_HEADER_LENGTH, udp_checksum, udp_length

from netos.args import Bool

cdef enum:
    NOT_UDP, LENGTH, CHECKSUM, FRAGMENT
    VOUCHED = VIRTIO_NEEDS_CHECKSUM | VIRTIO_DATA_VALID         # somebody answers for the checksum


cdef class CheckUDPHeader(HeaderCheck):
    """Check lengths and checksum of UDP packets behind the marked IP header; fragments cannot be checked.

    Bad packets leave by output 1, or are dropped. A partial checksum (offload) is right, and none. VERBOSE logs every
    bad packet. Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "UDP header"
    reasons = ("not UDP", "bad packet length", "bad UDP checksum", "fragment")

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
        cdef const uint8_t *udp = marked_payload(packet, IP_PROTOCOL_UDP, &length)
        if ip == NULL or ip[IP_AT_PROTOCOL] != IP_PROTOCOL_UDP:
            self.bad(packet, NOT_UDP, DROP_NO_MATCH)
        elif udp == NULL:
            self.bad(packet, LENGTH, DROP_BAD_LENGTH)
        elif ip_is_fragment(ip):
            self.bad(packet, FRAGMENT, DROP_FRAGMENT)
        elif length < UDP_HEADER_LENGTH or not UDP_HEADER_LENGTH <= udp_length(udp) <= length:
            self.bad(packet, LENGTH, DROP_BAD_LENGTH)
        elif not packet.virtio_flags & VOUCHED and not sum_is_right(ip, udp):
            self.bad(packet, CHECKSUM, DROP_BAD_CHECKSUM)
        else:
            return 1
        return 0


cdef inline bint sum_is_right(const uint8_t *ip, const uint8_t *udp) noexcept nogil:
    cdef uint32_t length = udp_length(udp)
    return (udp_checksum(udp) == 0
            or checksum_finish(checksum_partial(udp, length, checksum_pseudo_ip(ip, length))) == 0)
