"""IPReassembler: put datagrams together from their fragments (RFC 791 section 3.2, RFC 815; Click's IPReassembler)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.proto.fragments cimport (
    FRAGMENT_AGAIN, FRAGMENT_KEPT, FRAGMENT_LAST, FRAGMENT_ROOMLESS, NOTHING, Datagram, Fragments, datagram_end,
    datagram_find, fragment_add, fragment_take, fragments_free, fragments_init,
)
from elements.ip.header cimport marked_whole_ip
from netos.checksum cimport checksum_ip
from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.kernel.timer cimport Timer, timer_schedule
from netos.packet cimport (
    ANNOTATIONS, DROP_BAD_FRAGMENT, DROP_CLOSED, DROP_FRAGMENT_OVERLAP, DROP_FRAGMENT_TIMEOUT, DROP_NO_BUFFER,
    DROP_REASSEMBLY_FULL, HEADROOM, Batch, Descriptor, packet_consume, packet_create, packet_network,
    packet_network_length, packet_set_network,
)
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_FRAGMENT, IP_AT_TOTAL_LENGTH, IP_DONT_FRAGMENT, IP_MAXIMUM_LENGTH, IP_MORE_FRAGMENTS,
    ip_fragment, ip_fragment_offset, ip_header_length, ip_is_fragment, ip_total_length,
)
from netos.wire cimport store_be16

import os

from netos.addresses import IPv4Address
from netos.args import Annotation, Unsigned
from netos.handlers import read_handler

cdef enum:
    SMALL_BUFFER = 2048
    LIFETIME = 30               # seconds that the first fragment to come waits for the others


cdef class IPReassembler(Element):
    """Pass whole datagrams; keep fragments until their datagram is complete, and pass that, with the annotations of its
    first fragment.

    The buffers of fragments that wait take at most HIMEM bytes (default 262144, of 2048 and more each): when it would
    be more, the oldest datagram is dropped as reassembly-full. What is not complete after 30 seconds is dropped as
    fragment-timeout, its first fragment to output 1, if connected (ICMPError(…, timeexceeded, reassembly)). A datagram
    whose fragments overlap or contradict each other is dropped as fragment-overlap with all that still comes of it; a
    fragment that can be none (past 65535 bytes, empty, not a multiple of eight) as bad-fragment. MAX_MTU_ANNO names two
    bytes of annotation for the length of the largest fragment.
    Handlers: count (datagrams that wait), held (fragments), memory, himem, reassembled, dump (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    handlers = ("himem", "memory", "reassembled")
    combine = {"dump": "lines"}

    cdef Fragments fragments
    cdef Timer timer
    cdef readonly uint32_t himem
    cdef readonly uint32_t memory       # bytes of buffers that fragments hold
    cdef readonly uint64_t reassembled
    cdef int largest_at

    def __dealloc__(self):
        fragments_free(&self.fragments)

    def configure(self, *, himem: Unsigned(minimum=2048, maximum=1 << 30) = 262144,
                  max_mtu_anno: Annotation(2) = None):
        self.himem = himem
        self.largest_at = -1 if max_mtu_anno is None else max_mtu_anno.offset
        fragments_free(&self.fragments)
        if not fragments_init(&self.fragments, himem // SMALL_BUFFER + 1, int.from_bytes(os.urandom(4), "big")):
            raise MemoryError("netos: no memory for fragments; lower HIMEM")

    def initialize(self):
        self.start_timer(&self.timer)

    def take_state(self, IPReassembler old not None):
        """Take over the fragments that wait, if there is as much room for them."""
        cdef Fragments own = self.fragments
        if old.himem == self.himem:
            self.fragments, old.fragments = old.fragments, own
            self.memory, old.memory = old.memory, self.memory
            self.await_oldest()
        self.reassembled = old.reassembled

    def cleanup(self):
        while self.fragments.count:
            self.give_up(self.fragments.oldest, DROP_CLOSED)

    @read_handler
    def count(self):
        """Datagrams that wait for fragments, or were spoilt in the last 30 seconds."""
        return self.fragments.count

    @read_handler
    def held(self):
        """Fragments that wait for others."""
        return self.fragments.held

    @read_handler
    def dump(self):
        """A line each datagram: source, destination, protocol, identification, bytes there/wanted, seconds left."""
        cdef uint32_t number = self.fragments.oldest
        cdef Datagram *datagram
        found = []
        while number != <uint32_t>NOTHING:
            datagram = &self.fragments.datagrams[number]
            whole = "?" if datagram.end == <uint32_t>NOTHING else datagram.end
            left = max(datagram.due - self.cpu.now, 0) / 1e9
            found.append(f"{IPv4Address(datagram.source)} {IPv4Address(datagram.destination)} {datagram.protocol} "
                         f"{datagram.identification} {datagram.have}/{whole} {left:.1f}"
                         + (" spoilt\n" if datagram.spoilt else "\n"))
            number = datagram.newer
        return "".join(found)

    cdef void await_oldest(self) noexcept nogil:
        if self.fragments.count:
            timer_schedule(&self.timer, self.fragments.datagrams[self.fragments.oldest].due)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        while self.fragments.count and self.fragments.datagrams[self.fragments.oldest].due <= now:
            self.give_up(self.fragments.oldest, DROP_FRAGMENT_TIMEOUT)
        self.await_oldest()

    cdef void forget_pieces(self, uint32_t number, int reason) noexcept nogil:
        """Drop the fragments of a datagram; after a timeout the first one goes to output 1."""
        cdef Descriptor *packet
        cdef uint32_t start = 0
        cdef uint32_t end = 0
        while True:
            packet = fragment_take(&self.fragments, number, &start, &end)
            if packet == NULL:
                break
            self.memory -= packet.capacity
            if start == 0 and reason == DROP_FRAGMENT_TIMEOUT:
                self.reject(packet, reason)
            else:
                self.drop(packet, reason)

    cdef void give_up(self, uint32_t number, int reason) noexcept nogil:
        """Drop a datagram."""
        self.forget_pieces(number, reason)
        datagram_end(&self.fragments, number)

    cdef Descriptor *assemble(self, uint32_t number) noexcept nogil:
        """The datagram that is complete; NULL, its fragments dropped, if there is no buffer for it."""
        cdef Datagram *datagram = &self.fragments.datagrams[number]
        cdef uint32_t largest = datagram.largest
        cdef uint32_t length = datagram.end
        cdef uint32_t header_length = 0
        cdef uint32_t start = 0
        cdef uint32_t end = 0
        cdef Descriptor *made = NULL
        cdef Descriptor *packet
        cdef uint8_t *ip
        cdef bint first = 1
        while True:
            packet = fragment_take(&self.fragments, number, &start, &end)
            if packet == NULL:
                break
            self.memory -= packet.capacity
            ip = packet_network(packet)
            if first:
                first = 0
                header_length = ip_header_length(ip)
                if header_length + length <= IP_MAXIMUM_LENGTH:
                    made = packet_create(self.vcpu, HEADROOM, header_length + length)
                if made != NULL:
                    self.dress(made, packet, header_length, largest)
            if made == NULL:
                self.drop(packet, DROP_NO_BUFFER if header_length + length <= IP_MAXIMUM_LENGTH else DROP_BAD_FRAGMENT)
                continue
            memcpy(made.data + header_length + start, ip + ip_header_length(ip), end - start)
            packet_consume(self.vcpu, packet)
        datagram_end(&self.fragments, number)
        self.reassembled += made != NULL
        return made

    cdef void dress(self, Descriptor *made, Descriptor *packet, uint32_t header_length,
                    uint32_t largest) noexcept nogil:
        """Give a datagram the header and annotations of its first fragment."""
        memcpy(made.data, packet_network(packet), header_length)
        store_be16(made.data + IP_AT_TOTAL_LENGTH, <uint32_t>made.length)
        store_be16(made.data + IP_AT_FRAGMENT, ip_fragment(made.data) & IP_DONT_FRAGMENT)
        store_be16(made.data + IP_AT_CHECKSUM, 0)
        store_be16(made.data + IP_AT_CHECKSUM, checksum_ip(made.data, header_length))
        packet_set_network(made, made.data, header_length)
        memcpy(made.annotations, packet.annotations, ANNOTATIONS)
        made.packet_type, made.timestamp, made.input_port = packet.packet_type, packet.timestamp, packet.input_port
        if self.largest_at >= 0:
            store_be16(made.annotations + self.largest_at, largest)

    cdef Descriptor *fragment(self, Descriptor *packet, uint8_t *ip, int64_t now) noexcept nogil:
        """Keep a fragment: the whole datagram if it was the last one that was wanted, else NULL."""
        cdef uint32_t header_length = ip_header_length(ip)
        cdef uint32_t total = ip_total_length(ip)
        cdef uint32_t start = ip_fragment_offset(ip)
        cdef bint more = ip_fragment(ip) & IP_MORE_FRAGMENTS != 0
        cdef uint32_t end = start + total - header_length
        cdef uint32_t number
        cdef int outcome
        if (total <= header_length or total > packet_network_length(packet) or (more and (total - header_length) & 7)
                or header_length + end > IP_MAXIMUM_LENGTH):
            self.drop(packet, DROP_BAD_FRAGMENT)
            return NULL
        while self.fragments.count and (self.memory + packet.capacity > self.himem
                                        or self.fragments.free == <uint32_t>NOTHING):
            self.give_up(self.fragments.oldest, DROP_REASSEMBLY_FULL)
        number = datagram_find(&self.fragments, ip, now + <int64_t>LIFETIME * NANOSECONDS)
        if number == <uint32_t>NOTHING:
            self.drop(packet, DROP_REASSEMBLY_FULL)
            return NULL
        if self.fragments.count == 1:
            self.await_oldest()
        outcome = fragment_add(&self.fragments, number, packet, start, end, more)
        if outcome == FRAGMENT_KEPT or outcome == FRAGMENT_LAST:
            self.memory += packet.capacity
            if self.fragments.datagrams[number].largest < total:
                self.fragments.datagrams[number].largest = total
            return self.assemble(number) if outcome == FRAGMENT_LAST else NULL
        self.drop(packet, DROP_REASSEMBLY_FULL if outcome == FRAGMENT_ROOMLESS else DROP_FRAGMENT_OVERLAP)
        if outcome != FRAGMENT_AGAIN and outcome != FRAGMENT_ROOMLESS:
            self.forget_pieces(number, DROP_FRAGMENT_OVERLAP)
        return NULL

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef uint8_t *ip
        cdef Descriptor *packet
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            packet = batch.packets[i]
            ip = marked_whole_ip(packet)
            if ip != NULL and ip_is_fragment(ip):
                packet = self.fragment(packet, ip, now)
            if packet != NULL:
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept
