"""A configuration under fuzz: mutated frames from memory cables in virtual time, and what must hold meanwhile.

Its devices are those of netos.testing.appliance; on each cable a neighbour answers whatever ARP asks for.
"""

import logging

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from netos.drivers.memory cimport MemoryDevice
from netos.fuzz.chance cimport Chance, below, one_in
from netos.fuzz.frame cimport ETHER, FRAME_MAX, header_wrong
from netos.fuzz.journal cimport Journal
from netos.fuzz.mutate cimport Corpus, corpus_fill, corpus_free, mutate
from netos.fuzz.worked cimport worked
from netos.packet cimport BATCH_MAX, HEADROOM, Batch, Descriptor, packet_make, packet_release
from netos.wire cimport load_be16, load_be32, load_be64

from netos.testing.appliance import Appliance

cdef enum:
    DEVICES = 64
    SEEN = 1 << 19              # headers that were sent; a power of two
    ANSWERS = 64
    STEP_MOST = 2000000         # microseconds between two batches


cdef struct Reply:
    uint32_t device
    uint8_t frame[42]


class Complaints(logging.Handler):
    """Hears of Python code that failed where nobody could raise."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.heard = []

    def emit(self, record):
        if record.exc_info or "Traceback" in record.getMessage():
            self.heard.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


cdef uint64_t header_hash(const uint8_t *frame, uint32_t length) noexcept nogil:
    """Of the twenty bytes behind the Ethernet header; 0: there are none."""
    cdef uint64_t found
    if length < ETHER + 20:
        return 0
    found = load_be64(frame + ETHER) * <uint64_t>0x9E3779B97F4A7C15ULL
    found = (found ^ (found >> 29) ^ load_be64(frame + ETHER + 8)) * <uint64_t>0xBF58476D1CE4E5B9ULL
    found = (found ^ (found >> 32) ^ load_be32(frame + ETHER + 16)) * <uint64_t>0x94D049BB133111EBULL
    return (found ^ (found >> 31)) | 1


cdef class ConfigTarget:
    """The graph of a configuration between memory cables. Raises ConfigError.

    `checksums`: an IP header that the configuration has changed must have a right checksum and length.
    """

    cdef readonly uint64_t frames           # sent into the configuration
    cdef readonly uint64_t heard            # frames that came out
    cdef readonly int64_t now
    cdef int64_t sent_at                    # when the last frame was sent
    cdef readonly int64_t slowest           # nanoseconds of a batch
    cdef readonly list devices
    cdef readonly Journal journal
    cdef object appliance
    cdef object complaints
    cdef object wrong
    cdef Chance chance
    cdef Corpus corpus
    cdef int64_t budget
    cdef bint checksums
    cdef bint full
    cdef uint64_t *seen
    cdef uint32_t seen_count
    cdef list ends
    cdef uint64_t woken                     # frames that came out of the untouched corpus at the start
    cdef Reply replies[ANSWERS]
    cdef uint32_t reply_count
    cdef uint8_t frame[FRAME_MAX + 64]

    def __init__(self, uint64_t seed, Journal journal not None, graph, corpus=(), *, bint checksums=True,
                 int64_t budget=500000000, diagnostics=None):
        self.journal, self.checksums, self.budget = journal, checksums, budget
        self.chance.state = seed
        corpus_fill(&self.corpus, corpus)
        self.seen = <uint64_t *>calloc(SEEN, sizeof(uint64_t))
        self.complaints = Complaints()
        logging.getLogger().addHandler(self.complaints)
        self.appliance = Appliance(graph, diagnostics=diagnostics)
        self.devices = sorted(self.appliance.ends)[:DEVICES]
        self.ends = [self.appliance.ends[name] for name in self.devices]
        self.now = self.sent_at = self.appliance.cpu.now
        self.woken = self.wake()

    def __dealloc__(self):
        corpus_free(&self.corpus)
        free(self.seen)

    @property
    def journal_full(self):
        """Whether fuzz() ended because nothing more can be noted."""
        return self.full

    def verdict(self):
        """None, or what is wrong."""
        if self.wrong is None and self.complaints.heard:
            self.wrong = f"Python code has failed: {self.complaints.heard[0]}"
        return self.wrong

    # Frames

    cdef void see(self, uint64_t header) noexcept nogil:
        cdef uint64_t at = header & (SEEN - 1)
        if header == 0 or self.seen_count > SEEN // 2:
            return
        while self.seen[at] and self.seen[at] != header:
            at = (at + 1) & (SEEN - 1)
        self.seen_count += self.seen[at] == 0
        self.seen[at] = header

    cdef bint was_seen(self, uint64_t header) noexcept nogil:
        cdef uint64_t at = header & (SEEN - 1)
        while self.seen[at]:
            if self.seen[at] == header:
                return 1
            at = (at + 1) & (SEEN - 1)
        return 0

    cdef int deliver(self, uint32_t device, const uint8_t *frame, uint32_t length, bint noted) except -1:
        """Note a frame, and put it on a device's cable."""
        cdef MemoryDevice end = self.ends[device % len(self.ends)]
        cdef Descriptor *packet
        cdef Batch batch
        if noted and not self.journal.note(device, self.now, frame, length):
            self.full = 1
            return 0
        packet = packet_make(end.cable.outside, HEADROOM, length)
        if packet == NULL:
            self.wrong = "no packet buffer is free: they have leaked"
            return 0
        memcpy(packet.data, frame, length)
        self.sent_at = self.now
        self.see(header_hash(frame, length))
        batch.packets, batch.count = &packet, 1
        end.tx_batch(end.cable.outside, &batch)
        if batch.count:
            packet_release(end.cable.outside, packet)
        self.frames += 1
        return 0

    cdef void answer_arp(self, uint32_t device, const uint8_t *frame, uint32_t length) noexcept nogil:
        """Keep the neighbour's answer to a question, for the next batch."""
        cdef Reply *reply = &self.replies[self.reply_count]
        if length < 42 or load_be16(frame + 12) != 0x0806 or load_be16(frame + 20) != 1 or self.reply_count == ANSWERS:
            return
        reply.device = device
        memcpy(reply.frame, frame + 6, 6)
        memcpy(reply.frame + 6, b"\2\0\0\0\xfe", 5)
        reply.frame[11] = <uint8_t>device
        memcpy(reply.frame + 12, frame + 12, 10)
        reply.frame[21] = 2
        memcpy(reply.frame + 22, reply.frame + 6, 6)
        memcpy(reply.frame + 28, frame + 38, 4)
        memcpy(reply.frame + 32, frame + 22, 10)
        self.reply_count += 1

    cdef int drain(self) except -1:
        """Look at what has come out."""
        cdef Descriptor *packets[BATCH_MAX]
        cdef MemoryDevice end
        cdef Batch batch
        cdef uint32_t i, device
        cdef const char *wrong
        for device in range(len(self.ends)):
            end = self.ends[device]
            while True:
                batch.packets, batch.count = packets, 0
                end.rx_batch(end.cable.outside, &batch, BATCH_MAX)
                for i in range(batch.count):
                    self.heard += 1
                    self.answer_arp(device, packets[i].data, packets[i].length)
                    if (self.checksums and self.wrong is None and packets[i].length >= ETHER + 20
                            and load_be16(packets[i].data + 12) == 0x0800 and self.seen_count <= SEEN // 2
                            and not self.was_seen(header_hash(packets[i].data, packets[i].length))):
                        wrong = header_wrong(packets[i].data, packets[i].length)
                        if wrong != NULL:
                            self.wrong = f"{(<bytes>wrong).decode()} from {self.devices[device]}"
                    packet_release(end.cable.outside, packets[i])
                if batch.count == 0:
                    break
        return 0

    cdef int pass_time(self, int64_t until) except -1:
        """Let the configuration do what it does until then."""
        cdef int64_t start = worked()
        cdef bint long = until - self.now > <int64_t>10000000000
        self.appliance.cpu.advance(until)
        self.now = until
        self.drain()
        start = worked() - start
        self.slowest = max(self.slowest, start)
        if start > self.budget and not long and self.wrong is None:
            self.wrong = "a batch of frames took too long"
        return 0

    def wake(self):
        """Send the corpus as it is; how many frames come out."""
        cdef uint64_t before = self.heard
        cdef uint32_t device, i
        if not self.ends:
            return 0
        for i in range(min(self.corpus.count, 256)):
            for device in range(len(self.ends)):
                self.deliver(device, self.corpus.frames[i], self.corpus.lengths[i], 0)
            if i % 16 == 15:
                self.pass_time(self.now + 1000000)
                self.send_replies(0)
        self.pass_time(self.now + 1000000)
        self.reply_count = 0
        return self.heard - before

    def send_replies(self, bint noted):
        """The neighbours' turn."""
        cdef uint32_t i
        for i in range(self.reply_count):
            self.deliver(self.replies[i].device, self.replies[i].frame, 42, noted)
        self.reply_count = 0

    def fuzz(self, uint64_t count):
        """Send `count` frames more; None, or what is wrong. Ends early when the journal is full."""
        cdef uint64_t until = self.frames + count
        cdef uint32_t length, device, which
        while self.frames < until and self.verdict() is None and not self.full and self.ends:
            self.send_replies(1)
            for _ in range(64):
                device = below(&self.chance, <uint32_t>len(self.ends))
                which = below(&self.chance, self.corpus.count)
                length = self.corpus.lengths[which]
                memcpy(self.frame, self.corpus.frames[which], length)
                if not one_in(&self.chance, 8):
                    length = mutate(&self.chance, self.frame, length, &self.corpus)
                self.deliver(device, self.frame, length, 1)
            self.pass_time(self.now + (1 + below(&self.chance, STEP_MOST if one_in(&self.chance, 64) else 2000)) * 1000)
        return self.verdict()

    def replay(self, records):
        """Send frames as they were noted, (time, device, frame); None, or what is wrong."""
        cdef bytes frame
        for time, device, frame in records:
            if time > self.now:
                self.pass_time(time)
                self.reply_count = 0
            if self.verdict() is not None:
                break
            self.deliver(device, <const uint8_t *><const char *>frame, <uint32_t>len(frame), 0)
        if self.verdict() is None:
            self.pass_time(self.sent_at + <int64_t>STEP_MOST * 1000)    # in which the fuzz has seen what was wrong
            self.reply_count = 0
        return self.verdict()

    def finish(self):
        """Two minutes later something must still come out, if it did at first; then all packets must come home."""
        if self.verdict() is None:
            self.pass_time(self.sent_at + <int64_t>120000000000)
            self.reply_count = 0
            if self.wake() == 0 and self.woken:
                self.wrong = "nothing comes out any more, whatever is sent"
        self.appliance.close()
        self.drain()
        logging.getLogger().removeHandler(self.complaints)
        if self.appliance.cpu.balance["held"] and self.verdict() is None:
            self.wrong = "packets were left when all was closed"
        self.ends = []
        self.appliance = None
        return self.verdict()
