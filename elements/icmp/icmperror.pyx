"""ICMPError: answer packets with ICMP errors (RFC 792, RFC 1812 section 4.3.2; Click's ICMPError)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from elements.ip.header cimport marked_whole_ip
from elements.ip.options cimport OPTION_AT_LENGTH, OPTION_AT_POINTER, OPTION_AT_ROUTE, find_source_route
from elements.standard.tokenbucket cimport TOKEN, TokenBucket, bucket_assign, bucket_refill, bucket_set
from netos.checksum cimport checksum_data, checksum_ip
from netos.element cimport Element
from netos.kernel.clock cimport clock_steady, clock_wall
from netos.packet cimport (
    ANNO_FIX_IP_SOURCE, ANNO_ICMP_PARAMETER, DROP_NOT_IP, DROP_NO_BUFFER, DROP_RATE_LIMITED, DROP_SUPPRESSED, HEADROOM,
    TO_BROADCAST, TO_MULTICAST, TO_OTHER_HOST, Batch, Descriptor, packet_consume, packet_create, packet_destination,
    packet_network_length, packet_set_destination, packet_set_network,
)
from netos.proto.icmp cimport (
    ICMP_AT_CHECKSUM, ICMP_AT_CODE, ICMP_AT_DATA, ICMP_AT_GATEWAY, ICMP_AT_MTU, ICMP_AT_POINTER, ICMP_AT_TYPE,
    ICMP_HEADER_LENGTH, ICMP_PARAMETER_PROBLEM, ICMP_REDIRECT, ICMP_UNREACHABLE, ICMP_UNREACHABLE_FRAGMENTATION_NEEDED,
    icmp_is_error,
)
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_OPTIONS, IP_AT_PROTOCOL, IP_AT_SOURCE, IP_AT_TOS, IP_DEFAULT_TTL, IP_HEADER_LENGTH,
    IP_OPTION_END, IP_PROTOCOL_ICMP, ip_destination, ip_header_length, ip_is_broadcast, ip_is_first_fragment,
    ip_is_loopback, ip_is_multicast, ip_source, ip_total_length, ip_write,
)
from netos.wire cimport htobe32, load_be32, store32, store_be16, store_be32

from netos.addresses import IPv4Address
from netos.args import Bool, ICMPCode, ICMPType, IPv4, IPv4List, Integer, Rate, Unsigned, Unsigned16, Word
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

cdef enum:
    INTERNETWORK_CONTROL = 0xC0     # precedence of errors (RFC 1812 section 4.3.2.5)


cdef class ICMPError(Element):
    """Answer each packet with an ICMP error of TYPE and CODE from SRC, no longer than MTU bytes; the packet ends.

    The error goes to the packet's source, which becomes the destination annotation; SET_FIX_ANNO asks FixIPSrc to put
    in the address of the interface it leaves by. Never about ICMP errors, fragments but the first, link-level
    broadcasts, nor from or to an address that is no single host's or is one of BADADDRS. At most RATE errors a second
    after BURST at once (a second's worth); RATE 0, the default, is no limit. PMTU is what "fragmentation needed" tells.
    Handlers: src, mtu, pmtu, rate, burst (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("mtu", "pmtu")

    cdef readonly uint32_t mtu
    cdef readonly uint32_t pmtu
    cdef uint32_t source
    cdef uint8_t icmp_type
    cdef uint8_t code
    cdef bint fix_source
    cdef uint16_t identification
    cdef TokenBucket bucket
    cdef uint32_t bad_count
    cdef const uint32_t *bad_addresses      # as they lie in a header; they point into `bad_bytes`
    cdef bytes bad_bytes

    def configure(self, src: IPv4, type_: ICMPType, code: Word = "0", badaddrs: IPv4List = (), *,
                  mtu: Integer(minimum=68, maximum=65535) = 576, pmtu: Unsigned16 = 0,
                  set_fix_anno: Bool = True, rate: Rate = 0, burst: Unsigned(minimum=1) = None):
        if not icmp_is_error(type_):
            raise ArgumentError("must be an error: unreachable, sourcequench, redirect, timeexceeded or "
                                "parameterproblem", "TYPE")
        self.icmp_type = type_
        self.code = ICMPCode(type_).parse(code, self.router.scope(self.name))
        self.mtu, self.pmtu, self.fix_source = mtu, pmtu, set_fix_anno
        self.set_src(src)
        self.bad_bytes = b"".join(address.packed for address in badaddrs)
        self.bad_addresses = <const uint32_t *><const char *>self.bad_bytes
        self.bad_count = len(badaddrs)
        self.limit(rate, burst)

    def limit(self, rate, burst):
        """Allow `rate` errors a second, `burst` at once."""
        bucket_assign(&self.bucket, rate, (burst or max(rate, 1)) * TOKEN)
        bucket_set(&self.bucket, self.bucket.capacity)

    @read_handler
    def src(self):
        """The address errors come from."""
        return IPv4Address(self.source)

    @write_handler("src")
    def set_src(self, address: IPv4):
        """Let errors come from another address."""
        self.source = int(address)

    @write_handler("mtu")
    def set_mtu(self, mtu: Integer(minimum=68, maximum=65535)):
        """Let errors be that long at most."""
        self.mtu = mtu

    @write_handler("pmtu")
    def set_pmtu(self, pmtu: Unsigned16):
        """Tell another next-hop MTU."""
        self.pmtu = pmtu

    @read_handler
    def rate(self):
        """Errors a second; 0: no limit."""
        return self.bucket.rate

    @write_handler("rate")
    def set_rate(self, rate: Rate):
        """Allow that many errors a second, and as many at once."""
        self.limit(rate, None)

    @read_handler("burst")
    def burst_size(self):
        """Errors at once."""
        return self.bucket.capacity // TOKEN

    @write_handler("burst")
    def set_burst(self, burst: Unsigned(minimum=1)):
        """Allow that many errors at once."""
        self.limit(self.bucket.rate, burst)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        cdef Descriptor *error
        for i in range(batch.count):
            packet = batch.packets[i]
            error = self.answer(packet)
            if error != NULL:
                batch.packets[kept] = error
                kept += 1
        batch.count = kept

    cdef Descriptor *answer(self, Descriptor *packet) noexcept nogil:
        """The error that answers a packet, or NULL; the packet is gone."""
        cdef const uint8_t *ip = marked_whole_ip(packet)
        cdef Descriptor *error
        if ip == NULL:
            self.drop(packet, DROP_NOT_IP)
            return NULL
        if not self.deserved(packet, ip):
            self.drop(packet, DROP_SUPPRESSED)
            return NULL
        if self.bucket.rate:
            bucket_refill(&self.bucket, clock_steady(&self.vcpu.clock))
            if self.bucket.level < TOKEN:
                self.drop(packet, DROP_RATE_LIMITED)
                return NULL
            self.bucket.level -= TOKEN
        error = self.make(packet, ip)
        if error == NULL:
            self.drop(packet, DROP_NO_BUFFER)
        else:
            packet_consume(self.vcpu, packet)
        return error

    cdef bint is_host(self, uint32_t address) noexcept nogil:
        """Whether an address in host order may be that of one host, not of this network's or a group."""
        return address >> 24 != 0 and not ip_is_loopback(address) and address >> 28 < 14 and not self.is_bad(address)

    cdef bint is_bad(self, uint32_t address) noexcept nogil:
        cdef uint32_t i
        for i in range(self.bad_count):
            if load_be32(<const uint8_t *>&self.bad_addresses[i]) == address:
                return 1
        return 0

    cdef bint deserved(self, Descriptor *packet, const uint8_t *ip) noexcept nogil:
        """Whether the packet may be answered with an error (RFC 1812 sections 4.3.2.7 and 5.2.7.2)."""
        cdef uint32_t destination = ip_destination(ip)
        cdef uint32_t header_length = ip_header_length(ip)
        if packet.packet_type in (TO_BROADCAST, TO_MULTICAST, TO_OTHER_HOST) or not ip_is_first_fragment(ip):
            return 0
        if (destination == 0 or ip_is_multicast(destination) or ip_is_broadcast(destination)
                or self.is_bad(destination) or not self.is_host(ip_source(ip))):
            return 0
        if ip[IP_AT_PROTOCOL] == IP_PROTOCOL_ICMP and (packet_network_length(packet) <= header_length
                                                       or icmp_is_error(ip[header_length])):
            return 0
        return self.icmp_type != ICMP_REDIRECT or find_source_route(ip) == NULL

    cdef uint32_t hops_back(self, Descriptor *packet, const uint8_t *ip, const uint8_t *route) noexcept nogil:
        """How many hops of the packet's source route the error retraces: none when it complains about that option."""
        cdef uint8_t complaint = packet.annotations[ANNO_ICMP_PARAMETER]
        if route == NULL or route[OPTION_AT_POINTER] < 4 or route[OPTION_AT_POINTER] > route[OPTION_AT_LENGTH] + 1:
            return 0
        if self.icmp_type == ICMP_PARAMETER_PROBLEM and 0 <= complaint - (route - ip) < route[OPTION_AT_LENGTH]:
            return 0
        return (route[OPTION_AT_POINTER] - 4) // 4

    cdef Descriptor *make(self, Descriptor *packet, const uint8_t *ip) noexcept nogil:
        """A new packet with the error about `packet`; NULL when there is no buffer."""
        cdef const uint8_t *route = find_source_route(ip)
        cdef uint32_t hops = self.hops_back(packet, ip, route)
        cdef uint32_t header_length = IP_HEADER_LENGTH + (4 + 4 * hops if hops else 0)
        cdef uint32_t quoted = min(packet_network_length(packet), max(ip_total_length(ip), ip_header_length(ip)))
        cdef uint32_t destination = ip_source(ip)
        cdef Descriptor *error
        cdef uint8_t *head
        cdef uint8_t *icmp
        if hops:
            destination = load_be32(route + OPTION_AT_ROUTE + 4 * (hops - 1))
            if not self.is_host(destination):
                hops, header_length, destination = 0, IP_HEADER_LENGTH, ip_source(ip)
        quoted = min(quoted, self.mtu - header_length - ICMP_HEADER_LENGTH)
        error = packet_create(self.vcpu, HEADROOM, header_length + ICMP_HEADER_LENGTH + quoted)
        if error == NULL:
            return NULL
        head = error.data
        self.identification += 1
        ip_write(head, error.length, IP_PROTOCOL_ICMP, self.source, destination, IP_DEFAULT_TTL, self.identification, 0)
        head[0] = <uint8_t>(0x40 | header_length >> 2)
        head[IP_AT_TOS] = INTERNETWORK_CONTROL
        if hops:
            write_route_back(head + IP_AT_OPTIONS, ip, route, hops)
        store_be16(head + IP_AT_CHECKSUM, checksum_ip(head, header_length))
        icmp = head + header_length
        icmp[ICMP_AT_TYPE] = self.icmp_type
        icmp[ICMP_AT_CODE] = self.code
        store_be16(icmp + ICMP_AT_CHECKSUM, 0)
        store_be32(icmp + ICMP_AT_CHECKSUM + 2, 0)
        if self.icmp_type == ICMP_REDIRECT:
            store32(icmp + ICMP_AT_GATEWAY, packet_destination(packet))
        elif self.icmp_type == ICMP_PARAMETER_PROBLEM and self.code == 0:
            icmp[ICMP_AT_POINTER] = packet.annotations[ANNO_ICMP_PARAMETER]
        elif self.icmp_type == ICMP_UNREACHABLE and self.code == ICMP_UNREACHABLE_FRAGMENTATION_NEEDED:
            store_be16(icmp + ICMP_AT_MTU, <uint16_t>self.pmtu)
        memcpy(icmp + ICMP_AT_DATA, ip, quoted)
        store_be16(icmp + ICMP_AT_CHECKSUM, checksum_data(icmp, ICMP_HEADER_LENGTH + quoted))
        packet_set_network(error, head, header_length)
        packet_set_destination(error, htobe32(destination))
        error.annotations[ANNO_FIX_IP_SOURCE] = self.fix_source
        error.timestamp = clock_wall(&self.vcpu.clock)
        return error


cdef void write_route_back(uint8_t *option, const uint8_t *ip, const uint8_t *route, uint32_t hops) noexcept nogil:
    """The packet's route in the other direction, its first hop left out, which is the error's destination."""
    cdef uint32_t i
    option[0] = route[0]
    option[1] = <uint8_t>(OPTION_AT_ROUTE + 4 * hops)
    option[OPTION_AT_POINTER] = 4
    for i in range(hops - 1):
        memcpy(option + OPTION_AT_ROUTE + 4 * i, route + OPTION_AT_ROUTE + 4 * (hops - 2 - i), 4)
    memcpy(option + OPTION_AT_ROUTE + 4 * (hops - 1), ip + IP_AT_SOURCE, 4)
    option[OPTION_AT_ROUTE + 4 * hops] = IP_OPTION_END
