"""CheckIPHeader: let only well-formed IPv4 packets pass (RFC 1812 section 5.2.2; Click's CheckIPHeader)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.checksum cimport checksum_add, checksum_ip
from netos.packet cimport (
    DROP_BAD_CHECKSUM, DROP_BAD_HEADER_LENGTH, DROP_BAD_LENGTH, DROP_BAD_SOURCE, DROP_BAD_VERSION, DROP_TRUNCATED,
    Batch, Descriptor, packet_set_destination, packet_set_network, packet_trim, prefetch,
)
from netos.proto.ipv4 cimport IP_AT_DESTINATION, IP_AT_SOURCE, IP_HEADER_LENGTH, ip_header_length, ip_total_length
from netos.wire cimport load32, load_le32, load_le64, swap16

from netos.args import ArgumentType, Bool, EMPTY_SCOPE, IPv4List, IPv4PrefixList, Unsigned

cdef extern from *:
    bint likely(bint) noexcept nogil

cdef enum:
    TINY, VERSION, HEADER_LENGTH, LENGTH, CHECKSUM, SOURCE
    AHEAD = 4                   # packets whose bytes are fetched before their turn
    NEVER = 0x7FFFFFFF          # a length no packet has


class OffsetOrBadSources(ArgumentType):
    """The first argument: OFFSET, or what it was in old configurations, a list of bad source addresses."""

    name = "offset"

    def parse(self, text, scope=EMPTY_SCOPE):
        return (IPv4List() if "." in text or not text else Unsigned(maximum=65535)).parse(text, scope)


class Interfaces(ArgumentType):
    """Addresses of the router with their prefixes: their broadcast addresses are bad sources."""

    name = "list of IP prefixes"

    def parse(self, text, scope=EMPTY_SCOPE):
        prefixes = IPv4PrefixList().parse(text, scope)
        return [prefix.network.broadcast_address for prefix in prefixes], [prefix.ip for prefix in prefixes]


cdef class CheckIPHeader(HeaderCheck):
    """Check version, lengths, checksum and source of the IPv4 header OFFSET bytes into the packet.

    Good packets get their headers marked, the destination address annotation set, and are cut to the length the header
    says. Bad ones leave by output 1, or are dropped. A source of BADSRC is bad unless the destination is of GOODDST;
    INTERFACES gives both at once. CHECKSUM false leaves the sum unchecked; VERBOSE logs every bad packet.
    Handlers: drops, drop_details (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    what = "IP header"
    reasons = ("tiny packet", "bad IP version", "bad IP header length", "bad IP length", "bad IP checksum",
               "bad source address")

    def configure(self, offset_or_badsrc: OffsetOrBadSources = None, /, offset: Unsigned(maximum=65535) = 0, *,
                  interfaces: Interfaces = ((), ()), badsrc: IPv4List = (), gooddst: IPv4List = (),
                  checksum: Bool = True, verbose: Bool = False, details: Bool = False):
        if isinstance(offset_or_badsrc, int):
            offset = offset_or_badsrc
        elif offset_or_badsrc is not None:
            badsrc = (*offset_or_badsrc, *badsrc)
        self.prepare(offset, interfaces, badsrc, gooddst)
        self.check_sum = checksum
        self.verbose = verbose

    def prepare(self, offset, interfaces, badsrc, gooddst):
        """Take the arguments that say where the header is and which sources are bad."""
        bad_sources, good_destinations = (*interfaces[0], *badsrc), (*interfaces[1], *gooddst)
        self.offset = offset
        self.check_sum = True
        self.kept = b"".join(item.packed for item in bad_sources), b"".join(item.packed for item in good_destinations)
        self.bad_sources = <const uint32_t *><const char *>self.kept[0]
        self.good_destinations = <const uint32_t *><const char *>self.kept[1]
        self.bad_source_count = len(bad_sources)
        self.good_destination_count = len(good_destinations)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i, length, room
        cdef uint32_t kept = 0
        cdef uint32_t count = batch.count
        cdef uint32_t offset = self.offset
        # Below this length, check_rest looks at the packet; at all packets where there is more to check than usual
        cdef uint32_t enough = offset + IP_HEADER_LENGTH
        cdef uint64_t first, total
        cdef Descriptor *packet
        cdef Descriptor **packets = batch.packets
        cdef uint8_t *ip
        if not self.check_sum or self.bad_source_count:
            enough = NEVER
        for i in range(count):
            if i + AHEAD < count:
                prefetch(packets[i + AHEAD].data + offset)
            packet = packets[i]
            ip = packet.data + offset
            if likely(packet.length >= enough):
                first = load_le64(ip)                       # version, header length, TOS, total length …
                length = swap16(<uint16_t>(first >> 16))
                room = packet.length - offset
                # A one's complement sum, in any order of bytes, is one modulo 0xFFFF: gcc tests that by multiplying
                total = checksum_add(first, load_le64(ip + 8))
                total = checksum_add(total, load_le32(ip + IP_AT_DESTINATION))
                if likely(<uint8_t>first == 0x45 and IP_HEADER_LENGTH <= length <= room and total % 0xFFFF == 0):
                    packet_set_network(packet, ip, IP_HEADER_LENGTH)
                    packet_set_destination(packet, load32(ip + IP_AT_DESTINATION))
                    packet_trim(packet, room - length)
                    packets[kept] = packet
                    kept += 1
                    continue
            if self.check_rest(packet):
                packets[kept] = packet
                kept += 1
        batch.count = kept

    cdef bint check_rest(self, Descriptor *packet) noexcept nogil:
        """All checks, one by one, of any packet; 0 when it was bad and is gone."""
        cdef uint8_t *ip = packet.data + self.offset
        cdef uint32_t room, header_length, length
        if packet.length < self.offset + IP_HEADER_LENGTH:
            self.bad(packet, TINY, DROP_TRUNCATED)
            return 0
        room = packet.length - self.offset
        header_length = ip_header_length(ip)
        length = ip_total_length(ip)
        if ip[0] >> 4 != 4:
            self.bad(packet, VERSION, DROP_BAD_VERSION)
        elif header_length < IP_HEADER_LENGTH:
            self.bad(packet, HEADER_LENGTH, DROP_BAD_HEADER_LENGTH)
        elif length > room or length < header_length:
            self.bad(packet, LENGTH, DROP_BAD_LENGTH)
        elif self.check_sum and checksum_ip(ip, header_length) != 0:
            self.bad(packet, CHECKSUM, DROP_BAD_CHECKSUM)
        elif self.is_bad_source(ip):
            self.bad(packet, SOURCE, DROP_BAD_SOURCE)
        else:
            packet_set_network(packet, ip, header_length)
            packet_set_destination(packet, load32(ip + IP_AT_DESTINATION))
            packet_trim(packet, room - length)
            return 1
        return 0

    cdef bint is_bad_source(self, const uint8_t *ip) noexcept nogil:
        cdef uint32_t source = load32(ip + IP_AT_SOURCE)
        cdef uint32_t destination = load32(ip + IP_AT_DESTINATION)
        cdef uint32_t i
        cdef bint bad = 0
        for i in range(self.bad_source_count):
            bad |= self.bad_sources[i] == source
        if bad:
            for i in range(self.good_destination_count):
                if self.good_destinations[i] == destination:
                    return 0
        return bad
