"""Deliberately broken: a stack and an element that go wrong in a way that one oracle of netos fuzz has to hear of.

The stack is broken as break_stack() says, for this process; the element as its argument says. A defect that needs a
cause waits for an IP packet with a time to live of 7, so that what was found can be shrunk to that frame.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport malloc
from libc.string cimport memset

from netos.element cimport Element
from netos.fuzz.worked cimport worked
from netos.packet cimport HEADROOM, Batch, Descriptor, packet_consume, packet_create
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport KIND_BLOCK, Connection, Tcb
from netos.proto.slab cimport slab_take
from netos.wire cimport load_be16

cdef enum:
    TRIGGER = 7                 # time to live
    NONE = 0
    LEAK                        # a packet is kept, and counted as held
    UNCOUNTED                   # a packet in a queue is counted as gone
    LOSE                        # a packet is kept, and counted as gone
    LOSE_ALL
    HEAP                        # memory is never freed
    SPIN
    WAIT                        # for ever, without work
    SLOW
    CRASH
    STANDSTILL                  # a timer that is always due
    SEQUENCES
    BUFFERS
    SEGMENTS
    PINGS                       # are not answered
    SYNS
    DATA
    CHECKSUMS
    KEEP                        # a connection's memory is never given back
    AT_CLOSE                    # a packet is kept when all has been closed
    MUTE                        # after the trigger nothing passes
    PIECES                      # fragments behind the first have a wrong byte
    READ_PAST                   # reads the byte behind a packet's end: a crash in the asan build alone

NAMES = ("none", "leak", "uncounted", "lose", "lose-all", "heap", "spin", "wait", "slow", "crash", "standstill",
         "sequences", "buffers", "segments", "pings", "syns", "data", "checksums", "keep", "at-close", "mute",
         "pieces", "read-past")

cdef extern from *:
    ctypedef unsigned char volatile_byte "volatile unsigned char"

cdef extern from "<unistd.h>" nogil:
    int pause()

cdef int stack_defect = NONE
cdef int seen = 0
cdef void **heap = NULL         # what was never freed, each with a pointer to the one before


def break_stack(str defect not None):
    """From now on stacks of the class BrokenStack are broken in this way, one of NAMES."""
    global stack_defect
    stack_defect = NAMES.index(defect)


cdef void work(int64_t nanoseconds) noexcept nogil:
    cdef int64_t until = worked() + nanoseconds
    while worked() < until:
        pass


cdef bint has_trigger(const Descriptor *packet) noexcept nogil:
    return packet.length >= 34 and load_be16(packet.data + 12) == 0x0800 and packet.data[22] == TRIGGER


cdef void misbehave(int defect, const Descriptor *packet) noexcept nogil:
    """What leaves the packet as it is."""
    global heap, seen
    cdef volatile_byte *nowhere = NULL
    cdef void **block
    if defect == SPIN:
        while worked() >= 0:
            pass
    elif defect == WAIT:
        while worked() >= 0:
            pause()
    elif defect == SLOW:
        work(<int64_t>150000000)
    elif defect == CRASH:
        nowhere[0] = 1
    elif defect == READ_PAST:
        seen += packet.data[packet.length]
    elif defect == HEAP:
        block = <void **>malloc(256)
        memset(block, 1, 256)
        block[0], heap = heap, block


cdef class BrokenStack(Stack):
    """A stack with the defect that break_stack() has named."""

    cdef void receive_batch(self, uint32_t interface, Batch *batch, int64_t now) noexcept nogil:
        cdef Descriptor *packet = batch.packets[0]
        cdef bint triggered = has_trigger(packet)
        cdef bint tcp = packet.length >= 54 and load_be16(packet.data + 12) == 0x0800 and packet.data[23] == 6
        cdef bint syn = tcp and packet.data[47] & 2
        cdef bint ping = packet.length >= 42 and packet.data[23] == 1 and packet.data[34] == 8
        if stack_defect == HEAP or triggered:
            misbehave(stack_defect, packet)
        if stack_defect == LOSE_ALL or (stack_defect in (LEAK, LOSE) and triggered):
            self.vcpu.consumed += stack_defect != LEAK
            batch.count = 0
        elif (stack_defect == PINGS and ping) or (stack_defect == SYNS and syn) or (
                stack_defect == DATA and tcp and not syn and packet.length > 66):
            packet_consume(self.vcpu, packet)
            batch.count = 0
        else:
            self.vcpu.consumed += stack_defect == UNCOUNTED and triggered
            if stack_defect == KEEP and triggered:
                slab_take(&self.protocols.tcp.blocks)
            Stack.receive_batch(self, interface, batch, now)
        if stack_defect in (SEQUENCES, BUFFERS, SEGMENTS) and triggered:
            self.spoil()

    cdef void spoil(self) noexcept nogil:
        """Break the connections there are."""
        cdef Connection *found
        cdef Tcb *tcb
        cdef uint32_t i
        for i in range(self.protocols.tcp.table_mask + 1):
            found = self.protocols.tcp.table[i]
            while found != NULL:
                tcb = <Tcb *>found
                if found.kind == KIND_BLOCK and stack_defect == SEQUENCES:
                    tcb.snd_max = tcb.snd_nxt - 1
                elif found.kind == KIND_BLOCK and stack_defect == BUFFERS:
                    tcb.send_limit = tcb.receive_limit = 0
                elif found.kind == KIND_BLOCK:
                    tcb.cwnd = 0
                found = found.next

    cdef uint32_t take_batch(self, uint32_t interface, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t count = Stack.take_batch(self, interface, limit, into), i
        cdef Descriptor *packet
        for i in range(into.count - count, into.count):
            packet = into.packets[i]
            if stack_defect == CHECKSUMS or (stack_defect == PIECES and load_be16(packet.data + 12) == 0x0800
                                             and load_be16(packet.data + 20) & 0x1FFF):
                packet.data[packet.length - 1] ^= 1
        return count

    cdef void advance(self, int64_t now) noexcept nogil:
        Stack.advance(self, now)
        if stack_defect == AT_CLOSE and self.protocols.tcp.listeners == NULL and now > <int64_t>100000000000:
            packet_create(self.vcpu, HEADROOM, 60)

    cdef int64_t due(self) noexcept nogil:
        return self.protocols.host.now if stack_defect == STANDSTILL else Stack.due(self)


cdef class Broken(Element):
    """Pass packets on until there is one with a time to live of 7; the defects heap and lose-all do not wait for it."""

    ports = "1/1"
    processing = "a/a"

    cdef int defect
    cdef bint muted

    def configure(self, defect: str):
        self.defect = NAMES.index(defect)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *packet
        cdef uint32_t i, kept = 0
        cdef bint triggered
        for i in range(batch.count):
            packet = batch.packets[i]
            triggered = has_trigger(packet)
            if self.defect == HEAP or triggered:
                misbehave(self.defect, packet)
            self.muted |= self.defect == MUTE and triggered
            if self.muted:
                packet_consume(self.vcpu, packet)
            elif self.defect == LOSE_ALL or (self.defect in (LEAK, LOSE) and triggered):
                self.vcpu.consumed += self.defect != LEAK
            else:
                batch.packets[kept] = packet
                kept += 1
        batch.count = kept
