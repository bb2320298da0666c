"""RateLimit: let each source (or destination, or prefix) have its packets a second, in a table of fixed size.

One number an address is a whole token bucket: the time at which it will be full again (the generic cell rate algorithm,
ITU-T I.371). A source that has been quiet long enough needs no entry.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from elements.ip.header cimport marked_ip
from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.packet cimport DROP_RATE_LIMITED, Batch, Descriptor
from netos.proto.ipv4 cimport ip_destination, ip_prefix_mask, ip_source

from netos.addresses import IPv4Address
from netos.args import Integer, OneOf, Rate, Unsigned
from netos.handlers import read_handler, write_handler

cdef enum:
    WAYS = 4                    # places an address may be in: one cache line


cdef struct Debt:
    int64_t until               # when the address's bucket will be full again
    uint32_t address
    uint32_t reserved


cdef class RateLimit(Element):
    """Pass RATE packets a second of each address, BURST (default RATE) at once; drop the others, or send them to
    output 1.

    BY src (the default), dst or all says whose packets are counted together; PREFIX (32) bits of the address count.
    At most CAPACITY addresses are remembered: where one must go, it is the one nearest to having all its tokens, so
    that a flood of others does not help those that are over their rate.
    Handlers: passed, limited, capacity, table (read), rate, burst (read, write), reset (write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    handlers = ("passed", "limited", "capacity")
    combine = {"table": "table"}
    live_reconfigure = True

    cdef readonly uint64_t passed
    cdef readonly uint64_t limited
    cdef readonly uint32_t capacity
    cdef Debt *debts
    cdef uint64_t seed
    cdef uint32_t sets          # a power of two
    cdef uint32_t mask
    cdef bint destination
    cdef int64_t interval       # nanoseconds a packet
    cdef int64_t tolerance
    cdef uint32_t packets_rate
    cdef uint32_t packets_burst

    def __cinit__(self, *args, **kwargs):
        self.seed = int.from_bytes(os.urandom(8), "big") | 1

    def __dealloc__(self):
        free(self.debts)

    def configure(self, rate: Rate(minimum=1), burst: Unsigned(minimum=1) = 0, *,
                  by: OneOf("src", "dst", "all") = "src", prefix: Integer(minimum=0, maximum=32) = 32,
                  capacity: Unsigned(minimum=4, maximum=1 << 28) = 65536):
        cdef uint32_t sets = 1
        cdef Debt *debts
        self.destination = by == "dst"
        self.mask = ip_prefix_mask(0 if by == "all" else prefix)
        if capacity != self.capacity:
            while sets * WAYS < capacity:
                sets *= 2
            debts = <Debt *>calloc(<size_t>sets * WAYS, sizeof(Debt))
            if debts == NULL:
                raise MemoryError(f"no memory for {capacity} addresses: lower CAPACITY")
            free(self.debts)
            self.debts, self.sets, self.capacity = debts, sets, capacity
        self.set(rate, burst or rate)

    def set(self, rate, burst):
        """Allow `rate` packets a second of each address, `burst` at once."""
        self.packets_rate, self.packets_burst = rate, burst
        self.interval = NANOSECONDS // rate
        self.tolerance = (burst - 1) * self.interval

    def take_state(self, RateLimit old not None):
        """Take over who has sent how much."""
        if (old.capacity, old.mask, old.destination) == (self.capacity, self.mask, self.destination):
            self.debts, old.debts = old.debts, self.debts
            self.seed, old.seed = old.seed, self.seed
        self.passed, self.limited = old.passed, old.limited

    @read_handler
    def rate(self):
        """Packets a second of each address."""
        return self.packets_rate

    @write_handler("rate")
    def set_rate(self, rate: Rate(minimum=1)):
        """Allow that many packets a second of each address."""
        self.set(rate, self.packets_burst)

    @read_handler("burst")
    def burst_size(self):
        """Packets of an address at once."""
        return self.packets_burst

    @write_handler("burst")
    def set_burst(self, burst: Unsigned(minimum=1)):
        """Allow that many packets of an address at once."""
        self.set(self.packets_rate, burst)

    @write_handler
    def reset(self):
        """Forget who has sent how much."""
        for at in range(self.sets * WAYS):
            self.debts[at].until = 0

    @read_handler
    def table(self):
        """A line each address whose bucket is not full: how many packets it lacks."""
        now, found = self.cpu.now, []
        for at in range(self.sets * WAYS):
            if self.debts[at].until > now:
                lacking = -(-(self.debts[at].until - now) // self.interval)
                found.append(f"{IPv4Address(self.debts[at].address)} {lacking}\n")
        return "".join(sorted(found))

    cdef bint allowed(self, uint32_t address, int64_t now) noexcept nogil:
        """Take a token of the address's bucket; 0 if it has none."""
        cdef uint32_t number = <uint32_t>((address * self.seed ^ self.seed >> 32) * self.seed >> 32) & (self.sets - 1)
        cdef Debt *places = &self.debts[<size_t>number * WAYS]
        cdef Debt *chosen = places
        cdef int way
        for way in range(WAYS):
            if places[way].address == address and places[way].until:
                chosen = &places[way]
                break
            if places[way].until < chosen.until:
                chosen = &places[way]
        if chosen.address != address or chosen.until < now:
            chosen.address = address
            chosen.until = now
        if chosen.until - now > self.tolerance:
            return 0
        chosen.until += self.interval
        return 1

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef uint8_t *ip
        cdef Descriptor *packet
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            packet = batch.packets[i]
            ip = marked_ip(packet)
            if self.allowed(self.mask & (0 if ip == NULL else ip_destination(ip) if self.destination
                                         else ip_source(ip)), now):
                self.passed += 1
                batch.packets[kept] = packet
                kept += 1
            else:
                self.limited += 1
                self.reject(packet, DROP_RATE_LIMITED)
        batch.count = kept
