"""SynProxy: shake hands with clients before servers hear of them, keeping nothing of who does not answer (RFC 4987).

A SYN is answered with a cookie; the client's acknowledgment of that proves its address and opens a connection to the
server, whose numbers are translated from then on. Linux calls this SYNPROXY.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from elements.firewall.splice cimport Splice, splice_back, splice_forward, splice_quote, window_back
from elements.firewall.splicer cimport TO_CLIENTS, TO_SERVERS, Splicer
from elements.firewall.syn_cookie cimport NO_SCALE, Offer, cookie_check, cookie_make, offer_read, stamp_make, stamp_read
from elements.ip.header cimport marked_whole_ip
from netos.kernel.clock cimport clock_peek
from netos.packet cimport (
    ANNOTATIONS, DROP_BAD_COOKIE, DROP_INVALID_FLOW, DROP_NO_BUFFER, DROP_SUPPRESSED, DROP_TABLE_FULL, Batch,
    Descriptor, Frame, packet_consume, packet_network_length, packet_writable,
)
from netos.proto.flow_tcp cimport SEGMENT_AGAIN, SEGMENT_INVALID, SEGMENT_VALID, tcp_begin, tcp_follow
from netos.proto.flow_track cimport READ_NOTHING, READ_QUOTE, Reading, flow_read
from netos.proto.flows cimport (
    FLOW_REPLIED, NO_FLOW, TCP_SYN_SENT, WHEEL_SHIFT, Connection, Flows, Tuple, flow_confirm, flow_create,
    flow_direction, flow_end, flow_lookup, flow_of, flows_expire, tuple_invert,
)
from netos.proto.icmp cimport ICMP_AT_DATA
from netos.proto.ipv4 cimport IP_HEADER_LENGTH, IP_PROTOCOL_TCP, ip_header_length, ip_total_length
from netos.proto.tcp cimport TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, tcp_acknowledgment, tcp_flags, tcp_sequence, tcp_window
from netos.staging cimport emit, frame_enter

import os

from netos.args import Bool, Integer, Seconds, Unsigned

cdef enum:
    EXPIRE_IN_PASSING = 32
    GONE = -1000                # where a packet goes that is no more

cdef bytes SECRET = os.urandom(16)      # of all of this process: a reload, or a replica, knows the cookies of the other


cdef class SynProxy(Splicer):
    """Input 0: packets from clients, to output 0; input 1: packets from servers, to output 1. Answer each TCP SYN from
    a client with a SYN cookie, and open a connection to the server only when the client acknowledges that.

    SYN-ACKs go to output 2, if connected, else to output 1, the client in their destination annotation. At most
    CAPACITY connections are spliced, and OPENING of them may wait for the server; what is beyond is dropped as
    table-full. A server that is silent for five seconds is given up, with a RST for the client. An acknowledgment with
    neither connection nor valid cookie is dropped as bad-cookie; with STRICT false it passes: for connections that are
    older than this element, and a ConnTrack behind.
    The cookie holds 24 bits that nobody can guess for two minutes, and the client's segment size, rounded down to one
    of eight (1460 at most); window scale and selective acknowledgments only with timestamps. MSS, SCALE, SACK and
    TIMESTAMPS are what clients are promised of all servers: promise no more than each of them keeps. A lost
    acknowledgment is not asked for again, so that a client which waits for its server to speak first waits until it
    gives up. Data in a SYN is ignored.
    Handlers: count, capacity, memory, cookies, bad_cookies, opened, refused, unanswered, flows (read).
    """

    ports = "2/2-3"
    processing = "h/h"
    flow = "x/x"
    handlers = ("cookies", "bad_cookies", "opened", "refused")

    cdef uint16_t mss
    cdef uint8_t scale
    cdef bint sack
    cdef bint stamps
    cdef bint strict
    cdef uint64_t secret[2]
    cdef readonly uint64_t cookies          # sent
    cdef readonly uint64_t bad_cookies      # acknowledgments without a valid one
    cdef readonly uint64_t opened           # connections
    cdef readonly uint64_t refused          # for want of room

    def __cinit__(self, *args, **kwargs):
        memcpy(self.secret, <const uint8_t *>SECRET, sizeof(self.secret))

    def configure(self, *, capacity: Unsigned(minimum=1, maximum=1 << 24) = 65536,
                  opening: Unsigned(minimum=1, maximum=1 << 20) = 4096,
                  mss: Integer(minimum=256, maximum=65495) = 1460, scale: Integer(minimum=0, maximum=14) = 7,
                  sack: Bool = True, timestamps: Bool = True, strict: Bool = True, established: Seconds = None):
        self.make_room(capacity, opening)
        if established is not None:
            self.table.set_timeout("established", established)
        self.mss, self.scale, self.sack, self.stamps, self.strict = mss, scale, sack, timestamps, strict

    def take_state(self, SynProxy old not None):
        """Take over connections, if there is exactly as much room."""
        self.cookies, self.bad_cookies, self.opened = old.cookies, old.bad_cookies, old.opened
        self.refused, self.unanswered = old.refused, old.unanswered
        self.take_connections(old)

    cdef Descriptor *answer(self, const Tuple *key, const uint8_t *tcp, uint32_t length, int64_t now) noexcept nogil:
        """The SYN-ACK for a client's SYN."""
        cdef Offer offer
        cdef Tuple back
        cdef uint32_t cookie
        offer_read(tcp, length, &offer)
        cookie = cookie_make(self.secret, key, tcp_sequence(tcp), offer.mss if offer.mss else 536, now)
        if not self.stamps or not offer.stamps:
            offer.stamps = offer.sack = 0
            offer.scale = NO_SCALE
        else:
            offer.sack = offer.sack and self.sack
            offer.echo, offer.stamp = offer.stamp, stamp_make(&offer, now)
            if offer.scale != NO_SCALE:
                offer.scale = self.scale
        offer.mss = self.mss
        tuple_invert(key, &back)
        self.cookies += 1
        return self.segment(&back, cookie, tcp_sequence(tcp) + 1, TCP_SYN | TCP_ACK, 0, &offer)

    # Packets

    cdef bint begin(self, const Reading *reading, Descriptor *packet, const uint8_t *tcp, int64_t now) noexcept nogil:
        """An acknowledgment from nobody we know: 1 if it has a valid cookie, and has been dealt with."""
        cdef Flows *flows = &self.table.flows
        cdef uint32_t cookie = tcp_acknowledgment(tcp) - 1
        cdef uint32_t sequence = tcp_sequence(tcp) - 1
        cdef uint16_t mss = cookie_check(self.secret, &reading.key, sequence, cookie, now)
        cdef uint32_t reference = NO_FLOW
        cdef Offer offer
        cdef Tuple reply
        cdef Splice *splice
        cdef Descriptor *syn
        if mss == 0:                    # a probe of the window that we have not opened yet has a number before
            sequence += 1
            mss = cookie_check(self.secret, &reading.key, sequence, cookie, now)
        if mss == 0:
            return 0
        tuple_invert(&reading.key, &reply)
        if self.waiting < self.openings_size:
            reference = flow_create(flows, &reading.key, &reply, reading.hashed, TCP_SYN_SENT, now)
        if reference == NO_FLOW:
            self.refused += 1
            self.drop(packet, DROP_TABLE_FULL)
            return 1
        flow_confirm(flows, flow_of(flows, reference), now)
        offer_read(tcp, reading.payload, &offer)
        splice = &self.splices[(reference - 1) >> 1]
        memset(splice, 0, sizeof(Splice))
        splice.client_sequence, splice.cookie, splice.mss = sequence, cookie, mss
        splice.client_scale, splice.server_scale, splice.announced_scale = NO_SCALE, NO_SCALE, self.scale
        if offer.stamps and self.stamps:
            splice.client_stamps, splice.client_stamp, splice.stamp = 1, offer.stamp, offer.echo
            stamp_read(offer.echo, &offer)
            splice.client_scale, splice.sack = offer.scale, offer.sack
        splice.window = tcp_window(tcp)
        if splice.client_scale != NO_SCALE:
            splice.window = min(splice.window << splice.client_scale, <uint32_t>65535)
        memcpy(splice.annotations, packet.annotations, ANNOTATIONS)
        packet_consume(self.vcpu, packet)
        self.opened += 1
        self.await_answer(reference, now, now)
        syn = self.server_syn(flow_of(flows, reference), splice)
        if syn != NULL:
            tcp_begin(flow_of(flows, reference), syn.data + IP_HEADER_LENGTH, syn.length - IP_HEADER_LENGTH)
            self.send_one(TO_SERVERS, syn)
        self.turn()
        return 1

    cdef void greet(self, Connection *connection, Splice *splice, Descriptor *packet, const uint8_t *tcp,
                    uint32_t length, int64_t now) noexcept nogil:
        """The server's SYN-ACK: complete its handshake, and open the client's window."""
        cdef Offer offer
        cdef Descriptor *made
        offer_read(tcp, length, &offer)
        splice.server_sequence, splice.open = tcp_sequence(tcp), 1
        splice.delta = splice.cookie - splice.server_sequence
        splice.server_scale = offer.scale if splice.client_scale != NO_SCALE else <uint8_t>NO_SCALE
        splice.stamps = splice.client_stamps and offer.stamps
        splice.stamp_delta = splice.stamp - offer.stamp if splice.stamps else 0
        offer.echo, offer.stamp = offer.stamp, splice.client_stamp
        offer.mss, offer.sack, offer.scale, offer.stamps = 0, 0, NO_SCALE, splice.stamps
        made = self.segment(&connection.tuples[0], splice.client_sequence + 1, splice.server_sequence + 1, TCP_ACK,
                            self.client_window(splice), &offer)
        if made != NULL:
            memcpy(made.annotations, splice.annotations, ANNOTATIONS)
            tcp_follow(&self.table.flows, connection, 0, made.data + IP_HEADER_LENGTH, made.length - IP_HEADER_LENGTH,
                       now)
            self.send_one(TO_SERVERS, made)
        offer.echo, offer.stamp = splice.client_stamp, offer.echo + splice.stamp_delta
        made = self.segment(&connection.tuples[1], splice.cookie + 1, splice.client_sequence + 1, TCP_ACK,
                            window_back(splice, tcp_window(tcp)), &offer)
        if made != NULL:
            memcpy(made.annotations, packet.annotations, ANNOTATIONS)
            self.send_one(TO_CLIENTS, made)

    cdef uint32_t client_window(self, const Splice *splice) noexcept nogil:
        """The client's window as the server scales it."""
        return splice.window if splice.server_scale == NO_SCALE else splice.window >> splice.client_scale

    cdef int from_client(self, Descriptor *packet, int64_t now) noexcept nogil:
        """Where a packet of a client goes, GONE, or -DROP_…"""
        cdef Flows *flows = &self.table.flows
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef uint8_t *tcp
        cdef Reading reading
        cdef Connection *connection
        cdef Splice *splice
        cdef Descriptor *made
        cdef uint8_t flags
        cdef int verdict
        if ip == NULL or flow_read(flows, ip, packet_network_length(packet), &reading) == READ_NOTHING:
            return TO_SERVERS
        if reading.key.protocol != IP_PROTOCOL_TCP:
            return TO_SERVERS
        reading.reference = flow_lookup(flows, &reading.key, reading.hashed, now)
        if flow_direction(reading.reference) and reading.reference:
            return TO_SERVERS
        connection = flow_of(flows, reading.reference) if reading.reference else NULL
        splice = &self.splices[(reading.reference - 1) >> 1] if reading.reference else NULL
        if reading.kind == READ_QUOTE:
            if splice != NULL and splice.open:
                return self.quote(splice, packet)
            return TO_SERVERS
        tcp = ip + ip_header_length(ip)
        flags = tcp_flags(tcp)
        if splice != NULL and splice.open:
            if not packet_writable(self.vcpu, packet):
                return -DROP_NO_BUFFER
            tcp = marked_whole_ip(packet) + ip_header_length(marked_whole_ip(packet))
            splice_forward(splice, packet, tcp, reading.payload)
            verdict = self.follow(connection, 0, packet, tcp, reading.payload, now)
            if verdict == SEGMENT_INVALID:
                return -DROP_INVALID_FLOW
            if verdict != SEGMENT_AGAIN:
                return TO_SERVERS
            flow_end(flows, connection)
        if flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN) == TCP_SYN:
            made = self.answer(&reading.key, tcp, reading.payload, now)
            packet_consume(self.vcpu, packet)
            if made != NULL:
                self.send_one(self.own_output(), made)
            return GONE
        if splice != NULL and not splice.open:
            if flags & TCP_RST and tcp_sequence(tcp) == splice.client_sequence + 1:
                flow_end(flows, connection)
            return -DROP_SUPPRESSED
        if flags & (TCP_SYN | TCP_ACK | TCP_RST) == TCP_ACK:
            if self.begin(&reading, packet, tcp, now):
                return GONE
            self.bad_cookies += 1
        return -DROP_BAD_COOKIE if self.strict else <int>TO_SERVERS

    cdef int quote(self, const Splice *splice, Descriptor *packet) noexcept nogil:
        """An ICMP error about a segment of the server, as the client got it."""
        cdef uint8_t *ip
        cdef uint8_t *quoted
        if not packet_writable(self.vcpu, packet):
            return -DROP_NO_BUFFER
        ip = marked_whole_ip(packet)
        quoted = ip + ip_header_length(ip) + ICMP_AT_DATA
        splice_quote(splice, ip + ip_header_length(ip), quoted + ip_header_length(quoted))
        return TO_SERVERS

    cdef int from_server(self, Descriptor *packet, int64_t now) noexcept nogil:
        """Where a packet of a server goes, GONE, or -DROP_…"""
        cdef Flows *flows = &self.table.flows
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef uint8_t *tcp
        cdef Reading reading
        cdef Connection *connection
        cdef Splice *splice
        cdef uint8_t flags
        if (flows.count == 0 or ip == NULL
                or flow_read(flows, ip, packet_network_length(packet), &reading) == READ_NOTHING
                or reading.kind == READ_QUOTE or reading.key.protocol != IP_PROTOCOL_TCP):
            return TO_CLIENTS
        reading.reference = flow_lookup(flows, &reading.key, reading.hashed, now)
        if reading.reference == NO_FLOW or flow_direction(reading.reference) == 0:
            return TO_CLIENTS
        connection = flow_of(flows, reading.reference)
        splice = &self.splices[(reading.reference - 1) >> 1]
        tcp = ip + ip_header_length(ip)
        flags = tcp_flags(tcp)
        if flags & (TCP_SYN | TCP_RST) == TCP_SYN:
            if tcp_sequence(tcp) == splice.cookie:      # our own, on its way
                return TO_CLIENTS
            if (not flags & TCP_ACK or tcp_acknowledgment(tcp) != splice.client_sequence + 1
                    or (splice.open and tcp_sequence(tcp) != splice.server_sequence)
                    or self.follow(connection, 1, packet, tcp, reading.payload, now) != SEGMENT_VALID):
                return -DROP_INVALID_FLOW
            self.greet(connection, splice, packet, tcp, reading.payload, now)
            packet_consume(self.vcpu, packet)
            return GONE
        if not splice.open and not (flags & TCP_RST and flags & TCP_ACK
                                    and tcp_acknowledgment(tcp) == splice.client_sequence + 1):
            return -DROP_INVALID_FLOW
        if self.follow(connection, 1, packet, tcp, reading.payload, now) == SEGMENT_INVALID:
            return -DROP_INVALID_FLOW
        if not packet_writable(self.vcpu, packet):
            return -DROP_NO_BUFFER
        tcp = marked_whole_ip(packet) + ip_header_length(marked_whole_ip(packet))
        if not splice.open:                             # the server refuses: say so where the client listens
            splice.delta = splice.cookie + 1 - tcp_sequence(tcp)
            splice_back(splice, packet, tcp, reading.payload)
            flow_end(flows, connection)
            return TO_CLIENTS
        splice_back(splice, packet, tcp, reading.payload)
        return TO_CLIENTS

    cdef int follow(self, Connection *connection, int direction, Descriptor *packet, const uint8_t *tcp,
                    uint32_t length, int64_t now) noexcept nogil:
        """Keep up with a connection's state, in the server's numbers; SEGMENT_…"""
        cdef int verdict = tcp_follow(&self.table.flows, connection, direction, tcp, length, now)
        if verdict == SEGMENT_VALID:
            if direction:
                connection.flags |= FLOW_REPLIED
            connection.packets[direction] += 1
            connection.bytes[direction] += ip_total_length(marked_whole_ip(packet))
        return verdict

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef int output
        cdef Descriptor *packet
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef Frame *frame = frame_enter(self.vcpu)
        if self.table.flows.tick != <uint32_t>(now >> WHEEL_SHIFT):
            flows_expire(&self.table.flows, now, EXPIRE_IN_PASSING)
        for i in range(batch.count):
            packet = batch.packets[i]
            output = self.from_client(packet, now) if port == 0 else self.from_server(packet, now)
            if output == GONE:
                continue
            frame.output[kept] = output
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
        emit(self, frame, batch)
