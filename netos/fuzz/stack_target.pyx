"""A stack under fuzz: frames of a scripted peer and of a corpus, mutated, in virtual time, and what must hold.

The loop runs without Python. All that goes in is noted in a journal, from which replay() gives the stack the same
again; the stack's secrets come from the seed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport clock_gettime, timespec

from netos.fuzz.chance cimport Chance, below, draw, one_in
from netos.fuzz.frame cimport ETHER, FRAME_MAX, Parts, Station, frame_wrong, mend, parts_find
from netos.fuzz.journal cimport Journal
from netos.fuzz.mutate cimport Corpus, mutate
from netos.fuzz.peer cimport (
    HOST, IDLE, OPEN, PEER, SERVICE_PORT, SLOTS, Peer, Slot, peer_complain, peer_hear, peer_init, peer_speak,
    peer_syn, peer_write,
)
from netos.fuzz.server cimport Server
from netos.packet cimport (
    BATCH_MAX, GSO_NONE, HEADROOM, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, packet_consume, packet_create,
)
from netos.proto.host cimport NEIGHBOURS_MAX, NEIGHBOUR_FREE, Host
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport COUNT_IN_SEGMENTS, ESTABLISHED, KIND_BLOCK, Connection, Tcb, Tcp
from netos.proto.tcp_table cimport tcp_find
from netos.wire cimport load_be16, load_be32, store_be16

from netos.fuzz.readers import Readers
from netos.fuzz.server import Server as Program
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack as Made

cdef extern from "<time.h>" nogil:
    int CLOCK_THREAD_CPUTIME_ID

cdef enum:
    WAITING = 256               # answers of the peer that are not sent yet
    TIMERS = 100000             # deadlines that one step of time may meet
    LOOP_MOST = 1024

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
    cdef bint full                          # the journal
    cdef Answer answers[WAITING]
    cdef uint32_t answer_count
    cdef uint8_t frame[FRAME_MAX + 64]
    cdef uint8_t piece[FRAME_MAX + 64]
    cdef list captured                      # what the stack sends, while somebody wants it

    def __cinit__(self):
        self.wrong = NULL

    def __init__(self, uint64_t seed, Journal journal not None, corpus=(), *, uint32_t share=10, bint offload=False,
                 uint32_t mtu=1500, int64_t budget=200000000):
        cdef uint32_t i
        cdef bytes content
        cdef Host *host
        self.journal = journal
        self.chance.state = seed
        self.share, self.budget = share, budget
        self.corpus.frames = <uint8_t **>calloc(max(len(corpus), 1), sizeof(uint8_t *))
        self.corpus.lengths = <uint32_t *>calloc(max(len(corpus), 1), sizeof(uint32_t))
        for i, content in enumerate(corpus):
            self.corpus.lengths[i] = <uint32_t>min(len(content), FRAME_MAX)
            self.corpus.frames[i] = <uint8_t *>malloc(max(len(content), 1))
            memcpy(self.corpus.frames[i], <const char *>content, self.corpus.lengths[i])
        self.corpus.count = <uint32_t>len(corpus)
        self.now = SECOND
        self.cpu = VirtualCpu(0)
        self.stack = Made(self.cpu, 4096)
        host = &self.stack.protocols.host
        host.secret[0], host.secret[1], host.identification = seed + 1, ~seed, <uint32_t>seed
        self.stack.protocols.reassembly.fragments.seed = <uint32_t>seed
        self.stack.now = self.now
        self.stack.set_interface("eth0", ether=ETHER_ADDRESS, mtu=mtu, offload=offload)
        self.stack.set_addresses("eth0", ["10.0.0.2/24"], gateway="10.0.0.1")
        memcpy(self.station.ether, <const char *>ETHER_ADDRESS, 6)
        self.station.address, self.station.mtu = HOST, mtu
        self.server = Program(self.stack)
        self.server.reader = Readers(seed)
        peer_init(&self.peer, &self.chance)
        self.end_batch()

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.corpus.count):
            free(self.corpus.frames[i])
        free(self.corpus.frames)
        free(self.corpus.lengths)

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
        cdef Parts parts
        cdef Address host, remote
        cdef Connection *found
        cdef bint live = 0
        if noted and not self.journal.note(0, self.now, frame, length):
            self.full = 1
            return
        parts_find(&parts, frame, length)
        if parts.transport and parts.protocol == 6 and parts.end >= parts.transport + 20:
            host, remote = address_ipv4(HOST), address_ipv4(load_be32(frame + parts.ip + 12))
            found = tcp_find(tcp, &host, load_be16(frame + parts.transport + 2), &remote,
                             load_be16(frame + parts.transport))
            live = found != NULL and found.kind == KIND_BLOCK and found.state >= ESTABLISHED
        packet = packet_create(self.stack.vcpu, HEADROOM, length)
        if packet == NULL:
            self.blame(b"no packet buffer is free: they have leaked")
            return
        memcpy(packet.data, frame, length)
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

    # Oracles

    cdef void judge(self) noexcept nogil:
        """Whether every packet is where it can be, and connections make sense."""
        cdef Host *host = &self.stack.protocols.host
        cdef int64_t held = <int64_t>(host.vcpu.received + host.vcpu.created - host.vcpu.sent - host.vcpu.consumed
                                      - host.vcpu.dropped)
        cdef int64_t found = host.loop.count + self.stack.protocols.reassembly.fragments.held
        cdef uint32_t i
        for i in range(host.interface_count):
            found += host.interfaces[i].outbox.count
        if held > found:
            for i in range(NEIGHBOURS_MAX):
                if host.neighbour_slab[i].state != NEIGHBOUR_FREE:
                    found += host.neighbour_slab[i].waiting_count
        if held > found:
            self.blame(b"packets have leaked: more are held than lie in queues")
        elif held < found:
            self.blame(b"packets were counted as gone that still lie in queues")
        if host.loop.count > LOOP_MOST:
            self.blame(b"the loopback queue holds too much")
        for i in range(SLOTS):
            if self.peer.slots[i].state == OPEN:
                self.judge_connection(&self.peer.slots[i])

    cdef void judge_connection(self, Slot *slot) noexcept nogil:
        """Sequence numbers in their order (RFC 9293 section 3.4), buffers within their limits."""
        cdef Address host = address_ipv4(HOST), remote = address_ipv4(PEER)
        cdef Connection *found = tcp_find(&self.stack.protocols.tcp, &host, slot.host_port, &remote, slot.port)
        cdef Tcb *tcb
        if found == NULL or found.kind != KIND_BLOCK:
            return
        tcb = <Tcb *>found
        if <int32_t>(tcb.snd_nxt - tcb.snd_una) < 0 or <int32_t>(tcb.snd_max - tcb.snd_nxt) < 0:
            self.blame(b"SND.UNA, SND.NXT and the highest sequence number sent are out of order")
        if tcb.receive.used > tcb.receive_limit or tcb.send.used > tcb.send_limit:
            self.blame(b"a connection's buffer holds more than its limit")
        if tcb.connection.state >= ESTABLISHED and (tcb.mss < 8 or tcb.cwnd == 0):
            self.blame(b"a connection can send nothing any more: its segment size or congestion window is gone")

    cdef int64_t worked(self) noexcept nogil:
        cdef timespec at
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at)
        return at.tv_sec * SECOND + at.tv_nsec

    # Fuzzing

    cdef void step_time(self) noexcept nogil:
        cdef int64_t most = 1000
        if one_in(&self.chance, 1024):
            most = 100000000
        elif one_in(&self.chance, 64):
            most = 2000000
        elif one_in(&self.chance, 2):
            most = 50000
        self.pass_time(self.now + (1 + below(&self.chance, <uint32_t>most)) * 1000)

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
        cdef Parts parts
        cdef uint32_t header, cut, start, i, end
        cdef uint16_t number = <uint16_t>below(&self.chance, 64)
        cdef bint turned = one_in(&self.chance, 2)
        parts_find(&parts, self.frame, length)
        header = parts.transport - parts.ip
        if parts.transport == 0 or parts.end < parts.transport + 16:
            return
        cut = 8 * (1 + below(&self.chance, (parts.end - parts.transport) // 8))
        for i in range(2):
            if one_in(&self.chance, 8):
                continue
            start = 0
            end = min(cut, parts.end - parts.transport)
            if (i == 1) != turned:
                start = cut - 8 if one_in(&self.chance, 4) else cut
                end = parts.end - parts.transport
                if start >= end:
                    continue
            memcpy(self.piece, self.frame, parts.transport)
            memcpy(self.piece + parts.transport, self.frame + parts.transport + start, end - start)
            store_be16(self.piece + parts.ip + 4, number)
            store_be16(self.piece + parts.ip + 6, <uint16_t>(start >> 3 | (0x2000 if start == 0 else 0)))
            mend(self.piece, parts.transport + end - start, 1)
            self.deliver(self.piece, parts.transport + end - start, 1)

    cdef void fuzz_batch(self) noexcept nogil:
        """Time passes, the peer's answers go in, and then up to 32 frames."""
        cdef uint32_t count = 1 + below(&self.chance, 32), length, i
        self.step_time()
        for i in range(self.answer_count):
            self.deliver(self.answers[i].frame, self.answers[i].length, 1)
        self.answer_count = 0
        for i in range(count):
            length = self.make_frame()
            if one_in(&self.chance, 64):
                self.send_pieces(length)
                continue
            self.deliver(self.frame, length, 1)
            if one_in(&self.chance, 32):
                self.deliver(self.frame, length, 1)
        self.end_batch()

    def fuzz(self, uint64_t count):
        """Send `count` frames more; None, or what is wrong. Ends early when the journal is full."""
        cdef uint64_t until = self.frames + count
        cdef int64_t start
        with nogil:
            while self.frames < until and self.wrong == NULL and not self.full and self.server.failure is None:
                start = self.worked()
                self.fuzz_batch()
                start = self.worked() - start
                if start > self.slowest:
                    self.slowest = start
                if start > self.budget:
                    self.blame(b"a batch of frames took too long")
        return self.verdict()

    def replay(self, records):
        """Send frames as they were noted, (time, device, frame); None, or what is wrong."""
        cdef bytes frame
        cdef bint first = True
        cdef int64_t start = self.worked(), took
        for time, _device, frame in records:
            if first or time != self.now:
                if not first:
                    self.end_batch()
                took = self.worked() - start
                if took > self.slowest:
                    self.slowest = took
                if took > self.budget:
                    self.blame(b"a batch of frames took too long")
                if self.verdict() is not None:
                    break
                start = self.worked()
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
    def journal_full(self):
        """Whether fuzz() ended because nothing more can be noted."""
        return self.full

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
        cdef uint32_t i, sent, awaited
        self.speak(peer_syn(slot, self.clock(), self.frame))
        for i in range(40):
            self.speak(0 if slot.state == OPEN or i % 10 else peer_syn(slot, self.clock(), self.frame))
            if slot.state == OPEN:
                break
        else:
            self.blame(b"the host accepts connections no more")
            return False
        sent, awaited = slot.sequence + 1000, slot.acknowledgment + 1000
        for i in range(40):
            if slot.sequence == sent and slot.acknowledgment == awaited:
                return True
            self.speak(peer_write(slot, self.clock(), self.frame, sent))
        self.blame(b"a new connection carries no data")
        return False
