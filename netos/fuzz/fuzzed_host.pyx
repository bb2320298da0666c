"""A host under watch: a stack with a program on it, frames in, the peer that hears it, and what must hold.

All that goes in is noted in a journal, from which replay() gives the stack the same again at the same virtual times.
What the oracles ask after a replay depends on the stack alone: not on the peer, which a replay does not have.
"""

from itertools import groupby
from operator import itemgetter

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.fuzz.frame cimport FRAME_MAX, frame_wrong
from netos.fuzz.journal cimport Journal
from netos.fuzz.peer cimport HOST, OPEN, SLOTS, Slot, peer_hear, peer_init, peer_syn, peer_write
from netos.fuzz.stack_oracles cimport connections_left, connections_wrong, packets_wrong, segment_is_live, slot_wrong
from netos.fuzz.worked cimport worked
from netos.packet cimport (
    BATCH_MAX, GSO_NONE, GSO_TCPV4, HEADROOM, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, packet_consume, packet_create,
)
from netos.proto.host cimport Host
from netos.proto.tcp_block cimport COUNT_IN_SEGMENTS, Tcp

from netos.checksum import checksum
from netos.fuzz.readers import Readers
from netos.fuzz.server import Server as Program
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack as Made

cdef enum:
    TIMERS = 100000             # deadlines that one step of time may meet

cdef int64_t SECOND = 1000000000
cdef int64_t LINGER = 3600 * SECOND         # for connections to end that nobody has any more
ETHER_ADDRESS = b"\2\0\0\0\0\2"


cdef class FuzzedHost:
    """A stack with servers, callers and UDP ports; `budget` is nanoseconds of CPU that a batch of frames may take."""

    def __cinit__(self):
        self.wrong = NULL

    def __init__(self, uint64_t seed, Journal journal not None, *, bint offload=False, uint32_t mtu=1500,
                 int64_t budget=200000000):
        cdef Host *host
        cdef bytes ether = ETHER_ADDRESS
        self.journal = journal
        self.chance.state = seed
        self.budget, self.offload = budget, offload
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
                                    packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM,
                                    packet.gso_size if packet.gso_type != GSO_NONE else 0)
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
        cdef uint32_t i
        self.stack.advance(self.now)
        self.drain()
        self.server.serve()
        self.stack.advance(self.now)
        self.drain()
        self.judge(packets_wrong(self.stack.protocols))
        for i in range(SLOTS):
            if self.peer.slots[i].state == OPEN:
                self.judge(slot_wrong(self.stack.protocols, &self.peer.slots[i]))

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

    cdef void judge(self, const char *found) noexcept nogil:
        """What an oracle says; NULL: nothing."""
        if found != NULL:
            self.blame(found)

    cdef void measure(self, int64_t took) noexcept nogil:
        """See how long a batch has kept the CPU."""
        self.slowest = max(self.slowest, took)
        if took > self.budget:
            self.blame(b"a batch of frames took too long")

    # Replaying

    def replay(self, records):
        """Send frames as they were noted, (time, device, frame), each time a batch; None, or what is wrong."""
        cdef bytes frame
        cdef int64_t start
        for time, batch in groupby(records, key=itemgetter(0)):
            start = worked()
            self.pass_time(time)
            for _time, _device, frame in batch:
                self.deliver(<const uint8_t *><const char *>frame, <uint32_t>len(frame), 0)
            self.end_batch()
            self.judge(connections_wrong(self.stack.protocols))     # a replay's peer does not know which there are
            self.measure(worked() - start)
            if self.verdict() is not None:
                break
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
        """Wait two minutes; ping and TCP must still answer; then all is closed, and must end and come home."""
        cdef uint64_t opened = self.peer.opened
        if self.verdict() is None:
            peer_init(&self.peer, &self.chance)     # all it knows a replay would not know
            self.peer.opened, self.chance.state, self.answer_count = opened, 1, 0
            self.pass_time(self.now + 120 * SECOND)
            self.end_batch()
            self.check_ping()
        if self.wrong == NULL:
            self.check_fragments()
        if self.wrong == NULL:
            self.check_tcp()
        self.server.close()
        self.stack.poll(self.now)
        self.drain()
        if self.verdict() is None:
            self.pass_time(self.now + LINGER)
            self.judge(connections_left(self.stack.protocols))
        self.captured = None
        verdict = self.verdict()
        self.server = self.stack = None
        if self.cpu.balance["held"] and verdict is None:
            verdict = "packets were left when all was closed"
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

    def check_fragments(self):
        """The answer to a large echo request, which a small link takes in fragments, is right as a whole."""
        from netos.fuzz.templates import ping

        asked = ping(9, 1400)[34:]
        for _ in range(5):
            pieces = {int.from_bytes(frame[20:22], "big") & 0x1FFF: frame[34:] for frame in
                      self.exchange(ping(9, 1400)) + self.exchange() if frame[12:14] == b"\x08\0" and frame[23] == 1}
            answer = b"".join(piece for _at, piece in sorted(pieces.items()))
            if answer[4:] == asked[4:] and checksum(answer) == 0:
                return True
        self.blame(b"the answer to a large ping is not what was asked for")
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
