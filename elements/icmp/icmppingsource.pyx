"""ICMPPingSource: send pings and measure how they come back (RFC 792; Click's ICMPPingSource)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from elements.ip.header cimport marked_payload
from netos.checksum cimport checksum_data, checksum_ip
from netos.element cimport EVENT_STOP, Element
from netos.kernel.clock cimport Clock, clock_steady, clock_wall
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule, timer_scheduled
from netos.packet cimport (
    DROP_NO_BUFFER, HEADROOM, Batch, Descriptor, batch_consume, packet_create, packet_network, packet_set_destination,
    packet_set_network,
)
from netos.proto.icmp cimport (
    ICMP_AT_CHECKSUM, ICMP_AT_DATA, ICMP_AT_IDENTIFIER, ICMP_AT_SEQUENCE, ICMP_AT_TYPE, ICMP_ECHO, ICMP_ECHO_REPLY,
    ICMP_HEADER_LENGTH, icmp_identifier, icmp_sequence,
)
from netos.proto.ipv4 cimport IP_AT_CHECKSUM, IP_AT_TTL, IP_HEADER_LENGTH, IP_PROTOCOL_ICMP, ip_source, ip_write
from netos.wire cimport htobe32, store_be16

import sys

from netos.addresses import IPv4Address
from netos.args import Bool, Data, Integer64, IPv4, Seconds, Unsigned16
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

cdef enum:
    HEADERS = IP_HEADER_LENGTH + ICMP_HEADER_LENGTH
    OUTSTANDING = 1024          # pings whose times of sending are kept
    TTL = 250
    LAST_WAIT = 1000000000      # nanoseconds that STOP gives the last replies


cdef class ICMPPingSource(Element):
    """Send ICMP echo requests from SRC to DST, the first at once, then one every INTERVAL, LIMIT in all.

    IDENTIFIER and DATA go into the messages. Replies that are pushed into the input are counted, timed, shown on
    standard error (unless VERBOSE is false) and freed; with MIRROR, requests that come back count as replies. STOP
    stops the router when all replies are there, or a second after the last request.
    Handlers: src, dst, active (read, write), interval, limit, reset_counts (write), count, rtt_min, rtt_avg, rtt_max,
    summary (read).
    """

    ports = "0-1/1"
    processing = "h/h"
    handlers = ("active", "count")
    combine = {"rtt_min": "min", "rtt_max": "max"}

    cdef readonly bint active
    cdef readonly int64_t count
    cdef uint64_t received
    cdef int64_t limit
    cdef int64_t period
    cdef uint32_t source
    cdef uint32_t destination
    cdef uint16_t identifier
    cdef bint verbose, stops, mirrored
    cdef bytes content
    cdef const char *content_at
    cdef uint32_t size
    cdef int64_t sent[OUTSTANDING]          # when, or 0
    cdef int64_t shortest, longest, total   # round-trip times
    cdef Timer timer

    def configure(self, src: IPv4, dst: IPv4, *, interval: Seconds(minimum=1) = 1000000000,
                  identifier: Unsigned16 = 0, data: Data = b"", limit: Integer64 = -1, active: Bool = True,
                  verbose: Bool = True, stop: Bool = False, mirror: Bool = False):
        if len(data) > 65535 - HEADERS:
            raise ArgumentError(f"a ping holds at most {65535 - HEADERS} bytes, not {len(data)}", "DATA")
        self.set_src(src)
        self.set_dst(dst)
        self.period, self.identifier, self.limit, self.active = interval, identifier, limit, active
        self.verbose, self.stops, self.mirrored = verbose, stop, mirror
        self.content = data
        self.content_at = self.content
        self.size = <uint32_t>len(data)

    def initialize(self):
        self.start_timer(&self.timer)
        self.restart()

    cdef void restart(self) noexcept nogil:
        cdef Clock *clock = &self.vcpu.clock
        if not self.active:
            timer_cancel(&self.timer)
        elif not timer_scheduled(&self.timer) and self.limit != self.count:
            timer_schedule(&self.timer, clock.now if clock.simulated else clock_steady(clock))

    @read_handler
    def src(self):
        """The address pings come from."""
        return IPv4Address(self.source)

    @write_handler("src")
    def set_src(self, address: IPv4):
        """Send from another address."""
        self.source = int(address)

    @read_handler
    def dst(self):
        """The address that is pinged."""
        return IPv4Address(self.destination)

    @write_handler("dst")
    def set_dst(self, address: IPv4):
        """Ping another address."""
        self.destination = int(address)

    @write_handler("active")
    def set_active(self, active: Bool):
        """Send, or stand still."""
        self.active = active
        self.restart()

    @write_handler("interval")
    def set_interval(self, interval: Seconds(minimum=1)):
        """Send every so often, from the next ping on."""
        self.period = interval

    @write_handler("limit")
    def set_limit(self, limit: Integer64):
        """Send that many in all; negative: no limit."""
        self.limit = limit
        self.restart()

    @write_handler
    def reset_counts(self):
        """Begin to count anew."""
        self.count = self.received = self.total = 0
        memset(self.sent, 0, sizeof(self.sent))
        self.restart()

    @read_handler
    def rtt_min(self):
        """The shortest round trip, in seconds."""
        return f"{self.shortest / 1e9 if self.received else 0:.6f}"

    @read_handler
    def rtt_avg(self):
        """The mean round trip, in seconds."""
        return f"{self.total / self.received / 1e9 if self.received else 0:.6f}"

    @read_handler
    def rtt_max(self):
        """The longest round trip, in seconds."""
        return f"{self.longest / 1e9 if self.received else 0:.6f}"

    @read_handler
    def summary(self):
        """What ping says in the end."""
        lost = 100 * (self.count - <int64_t>self.received) // self.count if self.count else 0
        text = f"{self.count} packets transmitted, {self.received} received, {lost}% packet loss\n"
        if self.received:
            times = [f"{value / 1e6:.3f}" for value in (self.shortest, self.total / self.received, self.longest)]
            text += f"rtt min/avg/max = {'/'.join(times)} ms\n"
        return text

    def deliver(self, kind, value):
        if kind >= 0:
            sys.stderr.write(f"{self.name}: {value >> 24} bytes from {IPv4Address(self.destination)}: "
                             f"icmp_seq={value >> 8 & 0xFFFF} ttl={value & 0xFF} time={kind / 1e6:.3f} ms\n")
        else:
            super().deliver(kind, value)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef Descriptor *packet
        if not self.active:
            return
        if self.limit >= 0 and self.count >= self.limit:
            if self.stops:
                self.tell(EVENT_STOP, 0)
            return
        packet = self.make()
        if packet == NULL:
            self.missed(DROP_NO_BUFFER)
        else:
            self.sent[self.count % OUTSTANDING] = clock_steady(&self.vcpu.clock)
            self.count += 1
        if self.count != self.limit:
            timer_schedule(timer, timer.when + self.period)
        elif self.stops:
            timer_schedule(timer, timer.when + LAST_WAIT)
        if packet != NULL:
            self.send_one(0, packet)

    cdef Descriptor *make(self) noexcept nogil:
        cdef Descriptor *packet = packet_create(self.vcpu, HEADROOM, HEADERS + self.size)
        cdef uint8_t *icmp
        if packet == NULL:
            return NULL
        ip_write(packet.data, packet.length, IP_PROTOCOL_ICMP, self.source, self.destination, TTL,
                 <uint16_t>self.count, 0)
        store_be16(packet.data + IP_AT_CHECKSUM, checksum_ip(packet.data, IP_HEADER_LENGTH))
        icmp = packet.data + IP_HEADER_LENGTH
        memset(icmp, 0, ICMP_HEADER_LENGTH)
        icmp[ICMP_AT_TYPE] = ICMP_ECHO
        store_be16(icmp + ICMP_AT_IDENTIFIER, self.identifier)
        store_be16(icmp + ICMP_AT_SEQUENCE, <uint16_t>self.count)
        memcpy(icmp + ICMP_AT_DATA, self.content_at, self.size)
        store_be16(icmp + ICMP_AT_CHECKSUM, checksum_data(icmp, ICMP_HEADER_LENGTH + self.size))
        packet_set_network(packet, packet.data, IP_HEADER_LENGTH)
        packet_set_destination(packet, htobe32(self.destination))
        packet.timestamp = clock_wall(&self.vcpu.clock)
        return packet

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            self.hear(batch.packets[i])
        batch_consume(self.vcpu, batch)

    cdef void hear(self, Descriptor *packet) noexcept nogil:
        """Count and time a packet if it is a reply to a ping that has none yet."""
        cdef uint32_t length, sequence
        cdef int64_t round_trip
        cdef int64_t *sent
        cdef const uint8_t *icmp = marked_payload(packet, IP_PROTOCOL_ICMP, &length)
        if (icmp == NULL or length < ICMP_HEADER_LENGTH or icmp_identifier(icmp) != self.identifier
                or icmp[ICMP_AT_TYPE] != (ICMP_ECHO if self.mirrored else ICMP_ECHO_REPLY)
                or ip_source(packet_network(packet)) != self.destination):
            return
        sequence = icmp_sequence(icmp)
        # Of the pings sent last, the one with this number in its low bits
        if <uint16_t>(self.count - 1 - sequence) >= OUTSTANDING:
            return
        sent = &self.sent[sequence % OUTSTANDING]
        if sent[0] == 0:
            return
        round_trip = clock_steady(&self.vcpu.clock) - sent[0]
        sent[0] = 0
        self.shortest = min(self.shortest, round_trip) if self.received else round_trip
        self.longest = max(self.longest, round_trip) if self.received else round_trip
        self.total += round_trip
        self.received += 1
        if self.verbose:
            self.tell(round_trip, <int64_t>length << 24 | sequence << 8 | packet_network(packet)[IP_AT_TTL])
        if self.stops and self.limit >= 0 and self.received >= <uint64_t>self.limit:
            timer_cancel(&self.timer)
            self.tell(EVENT_STOP, 0)
