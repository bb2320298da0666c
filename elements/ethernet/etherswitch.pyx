"""EtherSwitch: a learning bridge (Click's EtherSwitch; IEEE 802.1D section 7)."""

import os

from libc.stdint cimport int16_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from netos.element cimport Element, port_push
from netos.kernel.clock cimport clock_peek
from netos.kernel.mailbox cimport Letter, Siblings, siblings_make
from netos.packet cimport (
    BATCH_MAX, DEPTH_MAX, DROP_FILTERED, DROP_LOOP, DROP_NO_BUFFER, DROP_TRUNCATED, Batch, Descriptor, Frame,
    packet_clone,
)
from netos.proto.ethernet cimport (
    ETHER_AT_DESTINATION, ETHER_AT_SOURCE, ETHER_HEADER_LENGTH, ether_is_group, ether_is_zero,
)
from netos.wire cimport load_be48
from netos.staging cimport emit, frame_enter

from netos.addresses import EtherAddress
from netos.args import Seconds
from netos.handlers import read_handler, write_handler

cdef enum:
    SETS = 4096
    WAYS = 4            # a set is a cache line
    FLOOD = 0x7fff      # an output: all but the one the frame came from


cdef struct Station:
    uint64_t address    # 0: a free place; the port in the upper 16 bits
    int64_t heard       # when it last sent something, nanoseconds


cdef void hear_sibling(void *object, Letter *letter) noexcept nogil:
    (<EtherSwitch>object).hear_of(letter)


cdef class EtherSwitch(Element):
    """Send each frame out of the port behind which its destination was last heard, or of all ports but its own.

    A station not heard of for TIMEOUT is forgotten; with TIMEOUT 0 nothing is learnt and all frames are flooded. No
    frame goes back where it came from. Of more than 16 384 stations the longest silent are forgotten. Replicas tell
    each other where a station is when they learn it, and again four times in TIMEOUT while it talks.
    Handlers: table (read), timeout (read, write; seconds).
    """

    ports = "2-/="
    processing = "h/h"
    flow = "#/[^#]"
    live_reconfigure = True
    combine = {"table": "entries"}

    cdef Station *stations      # SETS sets of WAYS
    cdef uint64_t seed          # of the hash, odd
    cdef int64_t silence        # TIMEOUT
    cdef readonly Siblings siblings

    def __cinit__(self, *args, **kwargs):
        self.siblings = siblings_make(hear_sibling, <void *>self)
        self.stations = <Station *>calloc(SETS * WAYS, sizeof(Station))
        self.seed = int.from_bytes(os.urandom(8), "big") | 1
        if self.stations == NULL:
            raise MemoryError("netos: no memory for the stations of a switch")

    def __dealloc__(self):
        free(self.stations)

    def configure(self, *, timeout: Seconds = 300 * 10**9):
        self.silence = timeout

    def take_state(self, EtherSwitch old not None):
        """Know the stations that the switch with as many ports knew which this one replaces."""
        if old.n_outputs == self.n_outputs:
            self.stations, old.stations = old.stations, self.stations
            self.seed, old.seed = old.seed, self.seed

    @read_handler
    def table(self):
        """A line for each station heard of: address, port."""
        now = self.cpu.now
        known = [(self.stations[i].address & (<uint64_t>1 << 48) - 1, self.stations[i].address >> 48)
                 for i in range(SETS * WAYS)
                 if self.stations[i].address and now - self.stations[i].heard < self.silence]
        return "".join(f"{EtherAddress(address)} {port}\n" for address, port in sorted(known))

    @read_handler
    def timeout(self):
        """Seconds after which a silent station is forgotten."""
        return self.silence / 1e9

    @write_handler("timeout")
    def set_timeout(self, timeout: Seconds):
        """Forget silent stations after another time."""
        self.silence = timeout

    cdef inline Station *stations_of(self, uint64_t address) noexcept nogil:
        """The set in which a station is if it is known."""
        return &self.stations[(address * self.seed >> 52) * WAYS]

    cdef void hear_of(self, Letter *letter) noexcept nogil:
        """A replica of this switch has heard a station behind a port."""
        if letter.second < <uint64_t>self.n_outputs and self.silence:
            self.learn(letter.first, <int>letter.second, clock_peek(&self.vcpu.clock))

    cdef bint learn(self, uint64_t address, int port, int64_t now) noexcept nogil:
        """Note where the station is, in place of the longest silent of its set if need be; 1: others should know."""
        cdef Station *station = self.stations_of(address)
        cdef Station *place = station
        cdef bint news
        cdef int i
        for i in range(WAYS):
            if station[i].address << 16 == address << 16:
                place = &station[i]
                break
            if station[i].address == 0 or (place.address != 0 and station[i].heard < place.heard):
                place = &station[i]
        news = self.siblings.count > 1 and (
            place.address != (<uint64_t>port << 48 | address)
            or now // (self.silence // 4 + 1) != place.heard // (self.silence // 4 + 1))
        place.address = <uint64_t>port << 48 | address
        place.heard = now
        return news

    cdef inline void hear(self, uint64_t address, int port, int64_t now) noexcept nogil:
        """Learn where a station is, and tell the replicas."""
        if self.learn(address, port, now):
            self.siblings.tell(0, address, <uint64_t>port)

    cdef int find(self, uint64_t address, int64_t now) noexcept nogil:
        """The port behind which the station is, or FLOOD."""
        cdef Station *station = self.stations_of(address)
        cdef int i
        for i in range(WAYS):
            if station[i].address << 16 == address << 16 and station[i].address:
                return <int>(station[i].address >> 48) if now - station[i].heard < self.silence else FLOOD
        return FLOOD

    cdef int choose(self, int port, Descriptor *packet, int64_t now) noexcept nogil:
        """Learn the sender; the output for the frame, FLOOD, or below 0 why it is dropped."""
        cdef int output = FLOOD
        if packet.length < ETHER_HEADER_LENGTH:
            return -DROP_TRUNCATED
        if self.silence == 0:
            return FLOOD
        if not ether_is_group(packet.data + ETHER_AT_SOURCE) and not ether_is_zero(packet.data + ETHER_AT_SOURCE):
            self.hear(load_be48(packet.data + ETHER_AT_SOURCE), port, now)
        if not ether_is_group(packet.data + ETHER_AT_DESTINATION):
            output = self.find(load_be48(packet.data + ETHER_AT_DESTINATION), now)
        return -DROP_FILTERED if output == port else output

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef bint flooding = 0
        cdef uint32_t i
        for i in range(batch.count):
            frame.output[i] = <int16_t>self.choose(port, batch.packets[i], now)
            flooding |= frame.output[i] == FLOOD
        if flooding:
            self.flood(port, frame, batch)
        else:
            emit(self, frame, batch)

    cdef void flood(self, int port, Frame *frame, Batch *batch) noexcept nogil:
        """As emit, with copies of what goes everywhere; order is kept within each output. Leaves the frame."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *packet
        cdef Batch part
        cdef uint32_t i
        cdef int output
        cdef int last = self.n_outputs - (2 if port == self.n_outputs - 1 else 1)
        if self.vcpu.depth > DEPTH_MAX:
            self.drop_batch(batch, DROP_LOOP)
            self.vcpu.depth -= 1
            return
        for i in range(batch.count):
            if frame.output[i] < 0:
                self.drop(batch.packets[i], -frame.output[i])
        for output in range(self.n_outputs):
            part.packets = pointers
            part.count = 0
            for i in range(batch.count):
                packet = batch.packets[i]
                if frame.output[i] == FLOOD and output != port:
                    if output != last:
                        packet = packet_clone(self.vcpu, packet)
                        if packet == NULL:
                            self.missed(DROP_NO_BUFFER)
                            continue
                elif frame.output[i] != output:
                    continue
                pointers[part.count] = packet
                part.count += 1
            if part.count:
                port_push(&self.outputs[output], &part)
        self.vcpu.depth -= 1
