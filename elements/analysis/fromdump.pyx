"""FromDump: the packets of a capture file (Click's FromDump)."""

import logging

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from elements.analysis.link_header cimport link_ip_header, link_ip_offset, link_is_known
from netos.drivers.pcapfile cimport PcapReader, PcapRecord
from netos.element cimport EVENT_CALL, EVENT_STOP, Element
from netos.kernel.clock cimport clock_steady
from netos.kernel.memory cimport LARGE_BUFFER
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.task cimport task_schedule
from netos.kernel.timer cimport Timer, timer_schedule
from netos.packet cimport (
    ANNO_EXTRA_LENGTH, BATCH_MAX, DROP_NO_BUFFER, DROP_NOT_IP, DROP_TOO_BIG, HEADROOM, Batch, Descriptor, packet_create,
    packet_set_mac, packet_set_network,
)

from elements.analysis.link_types import link_name
from netos.args import Bool, FileName, FixedPoint, HandlerCall, Seconds, Timestamp, Unsigned64
from netos.drivers.pcapfile import open_capture
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

log = logging.getLogger("netos.element")

cdef enum:
    EVENT_BROKEN = 0            # the file is wrong from here on
    SAMPLE_BITS = 28
    SAMPLE_ALL = 1 << SAMPLE_BITS
    SKIPPED_A_RUN = 1024        # records that one run may pass over

SAMPLE = FixedPoint(SAMPLE_BITS)


cdef class FromDump(Element):
    """Make the packets of the capture file FILENAME (`-` is standard input), with their time stamps; pushed or pulled.

    TIMING keeps their distances in time. SAMPLE is the share of packets to keep. FORCE_IP keeps IP packets only and
    sets their network header; others leave by output 1 if there is one. START and END are absolute times, START_AFTER
    and END_AFTER count from the first packet, INTERVAL from the start. At the end of the time STOP stops the router,
    END_CALL calls a handler, else the element becomes inactive; at the end of the file STOP and END_CALL act as well.
    FILEPOS is where in the file to begin. PER_NODE and MMAP change nothing here.

    Handlers: active, filepos (read, write), count, encap, filename, filesize, packet_filepos, sampling_prob (read),
    extend_interval (write; makes END later and goes on), reset_counts, reset_timing, stop (write).
    """

    ports = "0/1-2"
    processing = "a/ah"
    unreplicable = "each would read the whole file"
    handlers = ("active", "count", "filename")

    cdef readonly bint active
    cdef readonly uint64_t count
    cdef readonly str filename
    cdef PcapReader reader
    cdef PcapRecord record              # the packet that is next
    cdef bint pending                   # there is one
    cdef bint wanted                    # it is one of the sample
    cdef bint begun                     # times are absolute now
    cdef bint ended                     # the end of the file has been told
    cdef bint timing, timed, force_ip, stops, calling
    cdef bint first_relative, last_relative, interval, bounded, has_last
    cdef int64_t first, last            # nanoseconds
    cdef int64_t offset                 # from time stamps to the steady clock
    cdef uint32_t sampling
    cdef uint64_t random
    cdef int64_t start_at               # in the file; below 0: the first packet
    cdef Timer timer
    cdef Notifier ready

    def configure(self, filename: FileName, timing: Bool = False, *, stop: Bool = False, active: Bool = True,
                  sample: SAMPLE = SAMPLE_ALL, force_ip: Bool = False, start: Timestamp = None,
                  start_after: Seconds = None, end: Timestamp = None, end_after: Seconds = None,
                  interval: Seconds = None, end_call: HandlerCall("write") = None, per_node: Bool = False,
                  filepos: Unsigned64 = None, mmap: Bool = False):
        if start is not None and start_after is not None:
            raise ArgumentError("START and START_AFTER are mutually exclusive")
        if sum(value is not None for value in (end, end_after, interval)) > 1:
            raise ArgumentError("END, END_AFTER and INTERVAL are mutually exclusive")
        if stop and end_call is not None:
            raise ArgumentError("END_CALL and STOP are mutually exclusive")
        if sample > SAMPLE_ALL or sample == 0:
            self.router.scope(self.name).warn(
                "SAMPLE probability reduced to 1" if sample else "SAMPLE probability is 0; emitting no packets")
        self.filename, self.timing, self.stops, self.active, self.force_ip = filename, timing, stop, active, force_ip
        self.sampling = min(sample, SAMPLE_ALL)
        self.first_relative = start is None
        self.first = start or start_after or 0
        self.last_relative, self.interval = end_after is not None, interval is not None
        self.has_last = self.bounded = self.last_relative or self.interval or end is not None
        self.last = end or end_after or interval or 0
        self.calls, self.calling = [end_call], end_call is not None
        self.observes = self.calling
        self.start_at = -1 if filepos is None else filepos

    def initialize(self):
        self.reader = open_capture(self.filename)
        if self.start_at >= 0:
            self.reader.seek(self.start_at)
        if self.force_ip and not link_is_known(self.reader.link_type):
            self.router.scope(self.name).warn(f"unknown link type {self.encap()}; can't force IP packets")
        self.random = <uint64_t>self.cpu.now * <uint64_t>0x9E3779B97F4A7C15 | 1
        self.start_timer(&self.timer)
        self.ready.active = self.active
        if self.output_processing[0] == "h":
            self.start_task(self.active)

    def __dealloc__(self):
        notifier_free(&self.ready)

    def deliver(self, kind, value):
        if kind == EVENT_BROKEN:
            log.error("%s: %s", self.name, self.reader.error)
        else:
            Element.deliver(self, kind, value)

    @read_handler
    def encap(self):
        """The link type of the file."""
        return link_name(self.reader.link_type)

    @read_handler
    def sampling_prob(self):
        """The share of packets that are kept."""
        return SAMPLE.unparse(self.sampling)

    @read_handler
    def filesize(self):
        """Bytes of the file, unpacked."""
        return self.reader.size

    @read_handler
    def filepos(self):
        """Where in the file the next packet is read."""
        return self.reader.position

    @write_handler("filepos")
    def set_filepos(self, position: Unsigned64):
        """Go on elsewhere in the file."""
        self.reader.seek(position)
        self.pending = self.ended = 0
        self.go()

    @read_handler
    def packet_filepos(self):
        """Where in the file the last packet that was read lies."""
        return self.record.position

    @write_handler("active")
    def set_active(self, active: Bool):
        """Make packets, or make none."""
        self.active = active
        self.go()

    @write_handler
    def extend_interval(self, time: Seconds):
        """Let the end be later by that much, and go on."""
        self.last += time
        self.has_last, self.active = self.bounded, True
        self.go()

    @write_handler
    def reset_counts(self):
        """Zero the count."""
        self.count = 0

    @write_handler
    def reset_timing(self):
        """Let the next packet be due at once, and those after it follow as in the file."""
        self.timed = 0
        self.go()

    @write_handler("stop")
    def stop_router(self):
        """Make no more packets, and stop the router."""
        self.active = False
        self.router.stop()

    cdef void go(self) noexcept nogil:
        if self.active:
            task_schedule(&self.task)
            notifier_wake(&self.ready)

    cdef void tell_end(self) noexcept nogil:
        if self.calling:
            self.tell(EVENT_CALL, 0)
        elif self.stops:
            self.tell(EVENT_STOP, 0)

    cdef int read(self) noexcept nogil:
        """Have the next record of the file in `record`: 1, or 0 at the end."""
        cdef int result = self.reader.next(&self.record)
        if result <= 0:
            if not self.ended:
                self.ended = 1
                if result < 0:
                    self.tell(EVENT_BROKEN, 0)
                self.tell_end()
            return 0
        if not self.begun:
            self.begun = 1
            self.first += self.record.timestamp if self.first_relative else 0
            self.last += self.record.timestamp if self.last_relative else self.first if self.interval else 0
        self.random ^= self.random << 13
        self.random ^= self.random >> 7
        self.random ^= self.random << 17
        self.wanted = self.random >> (64 - SAMPLE_BITS) < self.sampling
        self.pending = 1
        return 1

    cdef int find(self) noexcept nogil:
        """Have a packet to make in `record`: 1; 0 when there is none for now; -1 to be asked again."""
        for _ in range(SKIPPED_A_RUN):
            if not self.active or not (self.pending or self.read()):
                return 0
            if self.has_last and self.record.timestamp >= self.last:
                self.has_last = 0
                self.tell_end()
                if self.calling:
                    return -1
                self.active = 0
                return 0
            if self.wanted and self.record.timestamp >= self.first:
                return 1
            self.pending = 0
        return -1

    cdef bint due(self) noexcept nogil:
        """Whether the packet may leave now; if not, a timer is set for when it may."""
        cdef int64_t now
        if not self.timing:
            return 1
        now = clock_steady(&self.vcpu.clock)
        if not self.timed:
            self.timed = 1
            self.offset = now - self.record.timestamp
        if self.record.timestamp + self.offset <= now:
            return 1
        timer_schedule(&self.timer, self.record.timestamp + self.offset)
        return 0

    cdef void make(self, Batch *batch) noexcept nogil:
        """Append the packet of the record."""
        cdef uint32_t extra = self.record.length - self.record.captured
        cdef bint fits = self.record.captured + HEADROOM <= LARGE_BUFFER
        cdef Descriptor *packet = packet_create(self.vcpu, HEADROOM, self.record.captured) if fits else NULL
        self.pending = 0
        if packet == NULL:
            self.missed(DROP_NO_BUFFER if fits else DROP_TOO_BIG)
            return
        memcpy(packet.data, self.record.data, self.record.captured)
        packet.timestamp = self.record.timestamp
        packet_set_mac(packet, packet.data)
        memcpy(packet.annotations + ANNO_EXTRA_LENGTH, &extra, 4)
        if self.force_ip and not self.mark(packet):
            self.reject(packet, DROP_NOT_IP)
            return
        self.count += 1
        batch.packets[batch.count] = packet
        batch.count += 1

    cdef bint mark(self, Descriptor *packet) noexcept nogil:
        """Find and mark the IP header."""
        cdef int at = link_ip_offset(self.record.link_type, packet.data, packet.length)
        if at < 0 or <uint32_t>at > packet.length:
            return 0
        cdef int length = link_ip_header(packet.data + at, packet.length - at)
        if length:
            packet_set_network(packet, packet.data + at, length)
        return length > 0

    cdef bint fill(self, uint32_t wanted, Batch *batch) noexcept nogil:
        """Append up to `wanted` packets; return whether it is worth asking again at once."""
        cdef int found
        for _ in range(wanted):
            found = self.find()
            if found <= 0:
                return found < 0
            if not self.due():
                return 0
            self.make(batch)
        return 1

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.ready if output == 0 else NULL

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef bint more, worked
        batch.packets = pointers
        batch.count = 0
        more = self.fill(self.burst(1), &batch)
        worked = batch.count > 0
        self.send_burst(0, &batch)
        if more and self.active:
            task_schedule(&self.task)
        return worked

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        self.go()

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        if not self.fill(limit, into):
            notifier_sleep(&self.ready)
