"""A stack under fuzz: frames of a scripted peer and of a corpus, mutated, in virtual time, and what must hold.

The loop runs without Python. All that goes in is noted in a journal, from which replay() gives the stack the same
again; the stack's secrets come from the seed.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.fuzz.chance cimport Chance, below, one_in
from netos.fuzz.frame cimport FRAME_MAX, Station, frame_wrong
from netos.fuzz.journal cimport Journal
from netos.fuzz.mutate cimport Corpus, corpus_fill, corpus_free, fragment_of, mutate
from netos.fuzz.peer cimport (
    HOST, OPEN, SLOTS, Peer, Slot, peer_complain, peer_flood, peer_hear, peer_init, peer_speak, peer_syn, peer_write,
)
from netos.fuzz.server cimport Server
from netos.fuzz.stack_oracles cimport connection_wrong, packets_wrong, segment_is_live
from netos.fuzz.worked cimport worked
from netos.packet cimport (
    BATCH_MAX, GSO_NONE, GSO_TCPV4, HEADROOM, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, packet_consume, packet_create,
)
from netos.proto.host cimport Host
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport COUNT_IN_SEGMENTS, Tcp

from netos.fuzz.readers import Readers
from netos.fuzz.server import Server as Program
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack as Made

cdef enum:
    WAITING = 256               # answers of the peer that are not sent yet
    FLOOD = 200                 # SYNs at once
    TIMERS = 100000             # deadlines that one step of time may meet

cdef int64_t SECOND = 1000000000
ETHER_ADDRESS = b"\2\0\0\0\0\2"


cdef struct Answer:
    uint32_t length
    uint8_t frame[124]


cdef class StackTarget:
    """A stack with servers, callers and UDP ports, and a peer that keeps connections open.

    `corpus` are frames to mutate; `share`, of 16 frames, how many speak on a connection; `budget` is nanoseconds of CPU
    that a batch of up to 32 frames may take.
    """

    cdef readonly uint64_t frames           # sent into the stack
    cdef readonly uint64_t reached          # of them, segments that came to an established connection
    cdef readonly uint64_t heard            # frames that the stack has sent
    cdef readonly int64_t now
    cdef readonly int64_t slowest           # nanoseconds of a batch
    cdef readonly Journal journal
    cdef Stack stack
    cdef Server server
    cdef object cpu
    cdef Chance chance
    cdef Peer peer
    cdef Corpus corpus
    cdef Station station
    cdef uint32_t share
    cdef int64_t budget
    cdef const char *wrong
    cdef readonly bint journal_full         # fuzz() ended because nothing more can be noted
    cdef bint offload
    cdef Answer answers[WAITING]
    cdef uint32_t answer_count
    cdef uint8_t frame[FRAME_MAX + 64]
    cdef uint8_t piece[FRAME_MAX + 64]
    cdef list captured                      # what the stack sends, while somebody wants it

    def __cinit__(self):
        self.wrong = NULL

    def __init__(self, uint64_t seed, Journal journal not None, corpus=(), *, uint32_t share=10, bint offload=False,
                 uint32_t mtu=1500, int64_t budget=200000000):
        cdef Host *host
        cdef bytes ether = ETHER_ADDRESS
        self.journal = journal
        self.chance.state = seed
        self.share, self.budget, self.offload = share, budget, offload
        corpus_fill(&self.corpus, corpus)
        self.now = SECOND
        self.cpu = VirtualCpu(0)
        self.stack = Made(self.cpu, 4096)
        host = &self.stack.protocols.host
        host.secret[0], host.secret[1], host.identification = seed + 1, ~seed, <uint32_t>seed
        self.stack.protocols.reassembly.fragments.seed = <uint32_t>seed
        self.stack.now = self.now
        self.stack.set_interface("eth0", ether=ether, mtu=mtu, offload=offload)
        self.stack.set_addresses("eth0", ["10.0.0.2/24"], gateway="10.0.0.1")
        memcpy(self.station.ether, <const char *>ether, 6)
        self.station.address, self.station.mtu = HOST, mtu
        self.server = Program(self.stack)
        self.server.reader = Readers(seed)
        peer_init(&self.peer, &self.chance)
        self.end_batch()

    def __dealloc__(self):
        corpus_free(&self.corpus)

    @property
    def opened(self):
        """Connections that were established so far."""
        return self.peer.opened

    @property
    def counters(self):
        """The stack's counters."""
        return self.stack.counters

    # Packets

    cdef void blame(self, const char *wrong) noexcept nogil:
        if self.wrong == NULL:
            self.wrong = wrong

    cdef void deliver(self, const uint8_t *frame, uint32_t length, bint noted) noexcept nogil:
        """Note a frame, and give it to the stack."""
        cdef Tcp *tcp = &self.stack.protocols.tcp
        cdef uint64_t before = tcp.counts[COUNT_IN_SEGMENTS]
        cdef Descriptor *packet
        cdef Batch batch
        cdef bint live = segment_is_live(self.stack.protocols, frame, length)
        if noted and not self.journal.note(0, self.now, frame, length):
            self.journal_full = 1
            return
        packet = packet_create(self.stack.vcpu, HEADROOM, length)
        if packet == NULL:
            self.blame(b"no packet buffer is free: they have leaked")
            return
        memcpy(packet.data, frame, length)
        if self.offload and length > 200 and frame[length - 1] & 3 == 0:       # the link has joined segments to one
            packet.gso_type, packet.gso_size = GSO_TCPV4, <uint16_t>(frame[length - 2] * 8)
        batch.packets, batch.count = &packet, 1
        self.stack.receive_batch(0, &batch, self.now)
        self.frames += 1
        self.reached += live and tcp.counts[COUNT_IN_SEGMENTS] > before

    cdef void drain(self) noexcept nogil:
        """Look at what the stack sends, and let the peer hear it."""
        cdef Descriptor *packets[BATCH_MAX]
        cdef Descriptor *packet
        cdef Answer *answer
        cdef Batch batch
        cdef uint32_t i
        cdef const char *wrong
        batch.packets, batch.count = packets, 0
        while self.stack.take_batch(0, BATCH_MAX, &batch):
            for i in range(batch.count):
                packet = packets[i]
                self.heard += 1
                wrong = frame_wrong(packet.data, packet.length, &self.station,
                                    packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM, packet.gso_type != GSO_NONE)
                if wrong != NULL:
                    self.blame(wrong)
                if self.captured is not None:
                    with gil:
                        self.captured.append((<char *>packet.data)[:packet.length])
                answer = &self.answers[self.answer_count]
                answer.length = peer_hear(&self.peer, packet.data, packet.length, self.clock(), answer.frame)
                if answer.length and self.answer_count < WAITING - 1:
                    self.answer_count += 1
                packet_consume(self.stack.vcpu, packet)
            batch.count = 0

    cdef uint32_t clock(self) noexcept nogil:
        """The peer's time stamps."""
        return <uint32_t>(self.now // 1000000)

    cdef void end_batch(self) noexcept nogil:
        """The turn of the stack, of its program, and of the oracles."""
        self.stack.advance(self.now)
        self.drain()
        self.server.serve()
        self.stack.advance(self.now)
        self.drain()
        self.judge()

    cdef void pass_time(self, int64_t until) noexcept nogil:
        """Let the stack do what is due until then, when it is due."""
        cdef uint32_t met = 0
        cdef int64_t due = self.stack.due()
        while 0 <= due <= until:
            self.now = max(due, self.now)
            self.stack.advance(self.now)
            self.drain()
            self.server.serve()
            due = self.stack.due()
            met += 1
            if met == TIMERS:
                self.blame(b"time stands still: the stack's timers never end")
                break
        self.now = until

    cdef void judge(self) noexcept nogil:
        """What the oracles say."""
        cdef const char *found = packets_wrong(self.stack.protocols)
        cdef uint32_t i
        if found != NULL:
            self.blame(found)
        for i in range(SLOTS):
            if self.peer.slots[i].state == OPEN:
                found = connection_wrong(self.stack.protocols, &self.peer.slots[i])
                if found != NULL:
                    self.blame(found)

    # Fuzzing

    cdef void step_time(self) noexcept nogil:
        """Up to a millisecond or fifty, seldom two seconds, hardly ever a hundred; whole microseconds."""
        cdef uint32_t most = 1000 if one_in(&self.chance, 2) else 50000
        if one_in(&self.chance, 64):
            most = 2000000 if not one_in(&self.chance, 16) else 100000000
        self.pass_time(self.now + (1 + <int64_t>below(&self.chance, most)) * 1000)

    cdef uint32_t make_frame(self) noexcept nogil:
        """The next frame, mutated or not; its length."""
        cdef uint32_t length, which
        cdef bint plain = 0
        if below(&self.chance, 16) < self.share or self.corpus.count == 0:
            length = peer_speak(&self.peer, self.clock(), self.frame, &plain)
            if plain or one_in(&self.chance, 4):
                return length
        elif one_in(&self.chance, 16):
            length = peer_complain(&self.peer, self.frame)
        else:
            which = below(&self.chance, self.corpus.count)
            length = self.corpus.lengths[which]
            memcpy(self.frame, self.corpus.frames[which], length)
            if one_in(&self.chance, 16):
                return length
        return mutate(&self.chance, self.frame, length, &self.corpus)

    cdef void send_pieces(self, uint32_t length) noexcept nogil:
        """The packet in two fragments, which may overlap, be in the wrong order, or lack one."""
        cdef uint32_t number = below(&self.chance, 64), cut = below(&self.chance, length), size, i
        cdef bint turned = one_in(&self.chance, 2), overlap = one_in(&self.chance, 4)
        for i in range(2):
            if one_in(&self.chance, 8):
                continue
            size = fragment_of(self.frame, length, cut, (i == 1) != turned, overlap, number, self.piece)
            if size:
                self.deliver(self.piece, size, 1)

    cdef void fuzz_batch(self) noexcept nogil:
        """Time passes, the peer's answers go in, and then up to 32 frames."""
        cdef uint32_t length = 0, i
        cdef uint64_t before = self.frames
        self.step_time()
        for i in range(self.answer_count):
            self.deliver(self.answers[i].frame, self.answers[i].length, 1)
        self.answer_count = 0
        for _ in range(1 + below(&self.chance, 32)):
            length = self.make_frame()
            if one_in(&self.chance, 64):
                self.send_pieces(length)
                continue
            self.deliver(self.frame, length, 1)
            if one_in(&self.chance, 32):
                for _ in range(1 + below(&self.chance, 4)):
                    self.deliver(self.frame, length, 1)
        if one_in(&self.chance, 1024):
            for _ in range(FLOOD):
                self.deliver(self.frame, peer_flood(&self.peer, self.clock(), self.frame), 1)
        if self.frames == before:               # a replay knows only of batches that have frames
            self.deliver(self.frame, length, 1)
        self.end_batch()

    def fuzz(self, uint64_t count):
        """Send `count` frames more; None, or what is wrong. Ends early when the journal is full."""
        cdef uint64_t until = self.frames + count
        cdef int64_t start
        with nogil:
            while self.frames < until and self.wrong == NULL and not self.journal_full and self.server.failure is None:
                start = worked()
                self.fuzz_batch()
                start = worked() - start
                if start > self.slowest:
                    self.slowest = start
                if start > self.budget:
                    self.blame(b"a batch of frames took too long")
        return self.verdict()

    def replay(self, records):
        """Send frames as they were noted, (time, device, frame); None, or what is wrong."""
        cdef bytes frame
        cdef bint first = True
        cdef int64_t start = worked(), took
        for time, _device, frame in records:
            if first or time != self.now:
                if not first:
                    self.end_batch()
                took = worked() - start
                if took > self.slowest:
                    self.slowest = took
                if took > self.budget:
                    self.blame(b"a batch of frames took too long")
                if self.verdict() is not None:
                    break
                start = worked()
                self.pass_time(time)
                first = False
            self.deliver(<const uint8_t *><const char *>frame, <uint32_t>len(frame), 0)
        self.end_batch()
        self.answer_count = 0
        return self.verdict()

    def verdict(self):
        """None, or what is wrong."""
        if self.server is not None and self.server.failure is not None:
            return self.server.failure
        return None if self.wrong == NULL else (<bytes>self.wrong).decode()

    @property
    def held(self):
        """Packets that the stack has."""
        return self.cpu.balance["held"]

    def readdress(self, *addresses):
        """Other addresses for the host than the oracles know of, for tests of the oracles."""
        self.stack.set_addresses("eth0", addresses)

    # What must still work

    def finish(self):
        """Wait two minutes; ping and TCP must still answer; then all is closed, and all packets must be home."""
        if self.verdict() is None:
            self.answer_count = 0
            self.pass_time(self.now + 120 * SECOND)
            self.end_batch()
            self.check_ping()
        if self.wrong == NULL:
            self.check_tcp()
        self.server.close()
        self.stack.poll(self.now)
        self.drain()
        self.captured = None
        verdict = self.verdict()
        self.server = self.stack = None
        held = self.cpu.balance["held"]
        if held and verdict is None:
            verdict = f"{held} packets were left when all was closed"
        return verdict

    cdef void speak(self, uint32_t length) noexcept nogil:
        """A tenth of a second passes; the peer's answers go in, and what lies in the frame buffer."""
        cdef uint32_t i
        self.pass_time(self.now + SECOND // 10)
        for i in range(self.answer_count):
            self.deliver(self.answers[i].frame, self.answers[i].length, 0)
        self.answer_count = 0
        if length:
            self.deliver(self.frame, length, 0)
        self.end_batch()

    def exchange(self, bytes frame=b""):
        """Send a frame, or none, a tenth of a second later; the frames that the stack sends, as bytes."""
        self.captured = []
        memcpy(self.frame, <const char *>frame, min(len(frame), FRAME_MAX))
        self.speak(<uint32_t>min(len(frame), FRAME_MAX))
        found, self.captured = self.captured, None
        return found

    def check_ping(self):
        """The host still answers an echo request."""
        from netos.fuzz.templates import ping

        for number in range(5):
            if any(frame[12:14] == b"\x08\0" and frame[23] == 1 and frame[34] == 0 for frame in
                   self.exchange(ping(number)) + self.exchange()):
                return True
        self.blame(b"the host answers pings no more")
        return False

    def check_tcp(self):
        """A new connection still opens, and its echo comes back whole."""
        cdef Slot *slot = &self.peer.slots[0]
        cdef uint32_t sent, awaited
        self.peer.faithful = True       # four seconds are no time for the fifth loss in a row
        self.speak(peer_syn(slot, self.clock(), self.frame))
        for i in range(40):
            self.speak(0 if slot.state == OPEN or i % 10 else peer_syn(slot, self.clock(), self.frame))
            if slot.state == OPEN:
                break
        else:
            self.blame(b"the host accepts connections no more")
            return False
        sent, awaited = slot.sequence + 1000, slot.acknowledgment + 1000
        for _ in range(40):
            if slot.sequence == sent and slot.acknowledgment == awaited:
                return True
            self.speak(peer_write(slot, self.clock(), self.frame, sent))
        self.blame(b"a new connection carries no data")
        return False
