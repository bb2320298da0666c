"""IPGWOptions: what a router does about IP options (RFC 791 3.1, RFC 1812 5.2.4; Click's IPGWOptions)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from elements.ip.header cimport marked_ip, marked_whole_ip
from elements.ip.options cimport OPTION_AT_LENGTH, OPTION_AT_POINTER, OPTION_AT_ROUTE, option_length
from netos.checksum cimport checksum_ip
from netos.kernel.clock cimport clock_wall
from netos.packet cimport (
    ANNO_ICMP_PARAMETER, DROP_BAD_OPTION, DROP_NOT_IP, DROP_NO_BUFFER, Batch, Descriptor, packet_network,
    packet_writable,
)
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_OPTIONS, IP_MAXIMUM_HEADER_LENGTH, IP_OPTION_END, IP_OPTION_LOOSE_SOURCE_ROUTE,
    IP_OPTION_RECORD_ROUTE, IP_OPTION_ROUTER_ALERT, IP_OPTION_STRICT_SOURCE_ROUTE, IP_OPTION_TIMESTAMP,
    IP_TIMESTAMP_AND_ADDRESS, IP_TIMESTAMP_ONLY, IP_TIMESTAMP_PRESPECIFIED, ip_header_length,
)
from netos.wire cimport load32, store32, store_be16, store_be32

from netos.args import IPv4, IPv4List
from netos.handlers import read_handler

cdef enum:
    AT_OVERFLOW = 3             # of a timestamp option: hops that found no room, and its kind
    OVERFLOW_MAXIMUM = 15
    GOOD = -1                   # what `walk` says of options without fault; else where the fault is
    DAY = 86400000              # milliseconds


cdef class IPGWOptions(Element):
    """Fill in record route and timestamp options with MYADDR; a timestamp may ask for one of OTHERADDRS, too.

    Source routes, router alerts and what is unknown pass as they are. Packets whose options are wrong leave by output 1
    with the place in the ICMP parameter annotation, or are dropped. Handlers: drops (read).
    """

    ports = "1/1-2"
    processing = "a/ah"

    def configure(self, myaddr: IPv4, otheraddrs: IPv4List = ()):
        cdef bytes packed = myaddr.packed
        self.address = load32(<const uint8_t *>packed)
        self.other_bytes = b"".join(address.packed for address in otheraddrs)
        self.others = <const uint32_t *><const char *>self.other_bytes
        self.other_count = len(otheraddrs)

    @read_handler("drops")
    def rejected(self):
        """Packets with bad options, dropped or sent out of output 1."""
        return self.bad

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef int problem
        for i in range(batch.count):
            problem = self.handle(batch.packets[i])
            if problem == DROP_BAD_OPTION:
                self.reject(batch.packets[i], problem)
            elif problem:
                self.drop(batch.packets[i], problem)
            else:
                batch.packets[kept] = batch.packets[i]
                kept += 1
        batch.count = kept

    cdef int handle(self, Descriptor *packet) noexcept nogil:
        """Process the options of a packet; 0, or why it may not go on."""
        cdef uint8_t options[IP_MAXIMUM_HEADER_LENGTH]
        cdef uint8_t *ip = marked_ip(packet)
        cdef uint32_t end
        cdef int fault
        if ip != NULL and ip[0] == 0x45:
            return 0
        ip = marked_whole_ip(packet)
        if ip == NULL:
            return DROP_NOT_IP
        end = ip_header_length(ip) - IP_AT_OPTIONS
        memcpy(options, ip + IP_AT_OPTIONS, end)        # so that a packet with a fault stays as it came
        fault = self.walk(options, end)
        if fault != GOOD:
            packet.annotations[ANNO_ICMP_PARAMETER] = <uint8_t>(IP_AT_OPTIONS + fault)
            self.bad += 1
            return DROP_BAD_OPTION
        if memcmp(options, ip + IP_AT_OPTIONS, end) == 0:
            return 0
        if not packet_writable(self.vcpu, packet):
            return DROP_NO_BUFFER
        ip = packet_network(packet)
        memcpy(ip + IP_AT_OPTIONS, options, end)
        store_be16(ip + IP_AT_CHECKSUM, 0)
        store_be16(ip + IP_AT_CHECKSUM, checksum_ip(ip, IP_AT_OPTIONS + end))
        return 0

    cdef int walk(self, uint8_t *options, uint32_t end) noexcept nogil:
        """Go through the options: GOOD, or the place of the byte that is wrong."""
        cdef uint32_t at = 0
        cdef uint32_t length
        cdef uint8_t kind
        cdef int problem
        while at < end and options[at] != IP_OPTION_END:
            kind = options[at]
            length = option_length(options + at, end - at)
            if length == 0:
                return at + 1 if at + 1 < end else at
            problem = GOOD
            if kind == IP_OPTION_RECORD_ROUTE:
                problem = self.record_route(options + at, length)
            elif kind == IP_OPTION_TIMESTAMP:
                problem = self.stamp(options + at, length)
            elif kind == IP_OPTION_LOOSE_SOURCE_ROUTE or kind == IP_OPTION_STRICT_SOURCE_ROUTE:
                problem = check_route(options + at, length)
            elif kind == IP_OPTION_ROUTER_ALERT and length != 4:
                problem = OPTION_AT_LENGTH
            if problem != GOOD:
                return at + problem
            at += length
        return GOOD

    cdef int record_route(self, uint8_t *option, uint32_t length) noexcept nogil:
        cdef int problem = check_route(option, length)
        cdef uint32_t pointer = option[OPTION_AT_POINTER] if problem == GOOD else 0
        if problem != GOOD or pointer > length:
            return problem
        if pointer + 3 > length:
            return OPTION_AT_POINTER
        store32(option + pointer - 1, self.address)
        option[OPTION_AT_POINTER] += 4
        return GOOD

    cdef int stamp(self, uint8_t *option, uint32_t length) noexcept nogil:
        cdef uint32_t pointer, kind, size
        if length < 4:
            return OPTION_AT_LENGTH
        pointer = option[OPTION_AT_POINTER]
        kind = option[AT_OVERFLOW] & 15
        if kind not in (IP_TIMESTAMP_ONLY, IP_TIMESTAMP_AND_ADDRESS, IP_TIMESTAMP_PRESPECIFIED):
            return AT_OVERFLOW
        size = 4 if kind == IP_TIMESTAMP_ONLY else 8
        if pointer == length + 1:
            if kind == IP_TIMESTAMP_PRESPECIFIED:
                return GOOD
            if option[AT_OVERFLOW] >> 4 == OVERFLOW_MAXIMUM:
                return AT_OVERFLOW
            option[AT_OVERFLOW] += 0x10
            return GOOD
        if pointer < 5 or pointer + size - 1 > length:
            return OPTION_AT_POINTER
        option += pointer - 1
        if kind == IP_TIMESTAMP_PRESPECIFIED and not self.is_mine(load32(option)):
            return GOOD
        if kind == IP_TIMESTAMP_AND_ADDRESS:
            store32(option, self.address)
        # Milliseconds since midnight UT
        store_be32(option + size - 4, <uint32_t>(clock_wall(&self.vcpu.clock) // 1000000 % DAY))
        (option - pointer + 1)[OPTION_AT_POINTER] += size
        return GOOD

    cdef bint is_mine(self, uint32_t address) noexcept nogil:
        cdef uint32_t i
        for i in range(self.other_count):
            if self.others[i] == address:
                return 1
        return address == self.address


cdef int check_route(const uint8_t *option, uint32_t length) noexcept nogil:
    """GOOD when a route's pointer is in its option or just behind it."""
    if length < OPTION_AT_ROUTE:
        return OPTION_AT_LENGTH
    return GOOD if 4 <= option[OPTION_AT_POINTER] <= length + 1 else OPTION_AT_POINTER
