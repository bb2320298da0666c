"""Connections to servers that stand for those of clients: their memory, their handshakes, their timers (RFC 9293)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from elements.firewall.splice cimport Splice
from elements.firewall.syn_cookie cimport NO_SCALE, Offer, offer_write
from netos.checksum cimport checksum_finish, checksum_ip, checksum_partial, checksum_pseudo_ip
from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.kernel.timer cimport Timer, timer_schedule, timer_scheduled
from netos.packet cimport (
    ANNOTATIONS, DROP_NO_BUFFER, HEADROOM, Descriptor, packet_create, packet_set_destination, packet_set_network,
    packet_trim,
)
from netos.proto.flow_table cimport FlowTable
from netos.proto.flows cimport TCP_SYN_SENT, Connection, Tuple, flow_end, flow_of, flows_expire
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_DEFAULT_TTL, IP_DONT_FRAGMENT, IP_HEADER_LENGTH, IP_PROTOCOL_TCP, ip_write,
)
from netos.proto.tcp cimport (
    TCP_ACK, TCP_AT_ACKNOWLEDGMENT, TCP_AT_CHECKSUM, TCP_AT_DATA_OFFSET, TCP_AT_DESTINATION, TCP_AT_FLAGS,
    TCP_AT_SEQUENCE, TCP_AT_SOURCE, TCP_AT_WINDOW, TCP_HEADER_LENGTH, TCP_RST, TCP_SYN,
)
from netos.wire cimport htobe32, store_be16, store_be32

from elements.firewall.flow_text import flow_line
from netos.handlers import read_handler
from netos.proto.flow_table import SECOND

cdef enum:
    EXPIRE_AT_ONCE = 4096
    TRIES = 5                   # SYNs to a server, a second apart
    OPTIONS_ROOM = 24


cdef class Splicer(Element):
    """What SynProxy keeps."""

    abstract = True             # no element of its own
    handlers = ("unanswered",)
    combine = {"flows": "lines"}

    def __dealloc__(self):
        free(self.splices)
        free(self.openings)

    def make_room(self, capacity, opening):
        """Take the memory for so many connections, and so many that wait for their servers."""
        self.table = FlowTable(capacity)
        self.table.set_timeout("syn-sent", 2 * TRIES * SECOND)
        free(self.splices)
        free(self.openings)
        self.splices = <Splice *>calloc(capacity, sizeof(Splice))
        self.openings = <Opening *>calloc(opening, sizeof(Opening))
        if self.splices == NULL or self.openings == NULL:
            raise MemoryError(f"netos: no memory for {capacity} connections; lower CAPACITY")
        self.openings_size, self.first, self.waiting = opening, 0, 0

    def initialize(self):
        self.start_timer(&self.timer)

    def take_connections(self, Splicer old not None):
        """Take over connections, if there is exactly as much room."""
        if (self.table.capacity, self.openings_size) != (old.table.capacity, old.openings_size):
            return
        self.table.move_from(old.table, self.cpu.now)
        self.splices, old.splices = old.splices, self.splices
        self.openings, old.openings = old.openings, self.openings
        self.first, self.waiting, old.waiting = old.first, old.waiting, 0
        self.turn()

    @property
    def flow_table(self):
        """The connections, for `netos flows`."""
        return self.table

    @read_handler
    def count(self):
        """Connections that are spliced, or being opened."""
        self.table.expire(self.cpu.now)
        return self.table.count

    @read_handler
    def capacity(self):
        """Connections there is room for."""
        return self.table.capacity

    @read_handler
    def memory(self):
        """Bytes taken, whatever happens."""
        return self.table.memory + self.table.capacity * sizeof(Splice) + self.openings_size * sizeof(Opening)

    @read_handler("flows")
    def list_flows(self):
        """A line each connection, as ConnTrack's."""
        return "".join(map(flow_line, self.table.rows(self.cpu.now)))

    # Timers

    cdef void turn(self) noexcept nogil:
        if not timer_scheduled(&self.timer) and self.table.flows.count:
            timer_schedule(&self.timer, clock_peek(&self.vcpu.clock) + NANOSECONDS // 4)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef Opening opening
        cdef uint32_t left = self.waiting
        flows_expire(&self.table.flows, now, EXPIRE_AT_ONCE)
        while left and self.openings[self.first].due <= now:
            left -= 1
            opening = self.openings[self.first]
            self.first = (self.first + 1) % self.openings_size
            self.waiting -= 1
            self.ask_again(opening.reference, opening.started, now)
        self.turn()

    cdef bint await_answer(self, uint32_t reference, int64_t started, int64_t now) noexcept nogil:
        """Ask the server again in a second; 0 if too many are asked already."""
        cdef Opening *opening
        if self.waiting == self.openings_size:
            return 0
        opening = &self.openings[(self.first + self.waiting) % self.openings_size]
        opening.reference, opening.started, opening.due = reference, started, now + NANOSECONDS
        self.waiting += 1
        return 1

    cdef void ask_again(self, uint32_t reference, int64_t started, int64_t now) noexcept nogil:
        """A second has passed since a server was asked: do it again, or give it up."""
        cdef Connection *connection = flow_of(&self.table.flows, reference)
        cdef Splice *splice = &self.splices[(reference - 1) >> 1]
        cdef Descriptor *packet
        cdef Offer none
        if connection.state != TCP_SYN_SENT or connection.started != started or splice.open:
            return
        if splice.tries < TRIES:
            packet = self.server_syn(connection, splice)
            if packet != NULL:
                self.send_one(TO_SERVERS, packet)
            self.await_answer(reference, started, now)
            return
        memset(&none, 0, sizeof(Offer))
        none.scale = NO_SCALE
        self.unanswered += 1
        packet = self.segment(&connection.tuples[1], splice.cookie + 1, splice.client_sequence + 1, TCP_RST | TCP_ACK,
                              0, &none)
        if packet != NULL:
            self.send_one(self.own_output(), packet)
        flow_end(&self.table.flows, connection)

    # Segments of our own

    cdef int own_output(self) noexcept nogil:
        return OWN_ANSWERS if self.n_outputs > OWN_ANSWERS else TO_CLIENTS

    cdef Descriptor *segment(self, const Tuple *key, uint32_t sequence, uint32_t acknowledgment, uint8_t flags,
                             uint32_t window, const Offer *offer) noexcept nogil:
        """A segment without data, its checksum right; NULL when there is no buffer."""
        cdef Descriptor *packet = packet_create(self.vcpu, HEADROOM,
                                                IP_HEADER_LENGTH + TCP_HEADER_LENGTH + OPTIONS_ROOM)
        cdef uint8_t *ip
        cdef uint8_t *tcp
        cdef uint32_t length
        if packet == NULL:
            self.missed(DROP_NO_BUFFER)
            return NULL
        ip = packet.data
        tcp = ip + IP_HEADER_LENGTH
        length = TCP_HEADER_LENGTH + offer_write(tcp + TCP_HEADER_LENGTH, offer)
        packet_trim(packet, TCP_HEADER_LENGTH + OPTIONS_ROOM - length)
        ip_write(ip, packet.length, IP_PROTOCOL_TCP, key.source, key.destination, IP_DEFAULT_TTL, 0, IP_DONT_FRAGMENT)
        store_be16(ip + IP_AT_CHECKSUM, checksum_ip(ip, IP_HEADER_LENGTH))
        store_be16(tcp + TCP_AT_SOURCE, key.source_port)
        store_be16(tcp + TCP_AT_DESTINATION, key.destination_port)
        store_be32(tcp + TCP_AT_SEQUENCE, sequence)
        store_be32(tcp + TCP_AT_ACKNOWLEDGMENT, acknowledgment)
        tcp[TCP_AT_DATA_OFFSET], tcp[TCP_AT_FLAGS] = <uint8_t>(length >> 2 << 4), flags
        store_be16(tcp + TCP_AT_WINDOW, <uint16_t>(window if window < 65535 else 65535))
        store_be32(tcp + TCP_AT_CHECKSUM, 0)        # and no urgent data
        store_be16(tcp + TCP_AT_CHECKSUM,
                   checksum_finish(checksum_partial(tcp, length, checksum_pseudo_ip(ip, length))))
        packet_set_network(packet, ip, IP_HEADER_LENGTH)
        packet_set_destination(packet, htobe32(key.destination))
        return packet

    cdef Descriptor *server_syn(self, Connection *connection, Splice *splice) noexcept nogil:
        """The SYN that opens a connection to the server, as the client would have sent it."""
        cdef Offer offer
        cdef Descriptor *packet
        memset(&offer, 0, sizeof(Offer))
        offer.mss, offer.scale, offer.sack = <uint16_t>splice.mss, splice.client_scale, splice.sack
        offer.stamps, offer.stamp = splice.client_stamps, splice.client_stamp
        packet = self.segment(&connection.tuples[0], splice.client_sequence, 0, TCP_SYN, splice.window, &offer)
        splice.tries += 1
        if packet != NULL:
            memcpy(packet.annotations, splice.annotations, ANNOTATIONS)
        return packet
