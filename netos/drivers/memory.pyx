"""Memory devices: two ends of a cable inside the process, for tests, for the lab, and between virtual CPUs.

Frames travel as the packets they are, without a copy; a full ring holds the sender up, as a network card's does.
"""

from typing import NamedTuple
from weakref import WeakValueDictionary

cimport cython
from libc.errno cimport EAGAIN, EIO
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.unistd cimport close, read, write

from netos.drivers.device cimport Device
from netos.kernel.clock cimport clock_wall
from netos.packet cimport (
    ANNOTATIONS, HEADROOM, NO_HEADER, TO_HOST, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, Vcpu, packet_end_trace,
    packet_headroom, packet_make, packet_release, vcpu_free, vcpu_make,
)

from netos.errors import DeviceError

cdef extern from "<sys/eventfd.h>" nogil:
    enum: EFD_CLOEXEC, EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags)

cdef extern from * nogil:
    """
    #define netos_acquire(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
    #define netos_publish(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
    #define netos_exchange(at, value) __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST)
    #define netos_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
    """
    uint32_t acquire "netos_acquire"(uint32_t *at)
    void publish "netos_publish"(uint32_t *at, uint32_t value)
    uint32_t exchange "netos_exchange"(uint32_t *at, uint32_t value)
    void fence "netos_fence"()

ends = WeakValueDictionary()        # by name: what the device specification mem:NAME finds


class Offload(NamedTuple):
    """The virtio-net header of a frame (virtio 1.2, section 5.1.6); offsets are from the frame's first byte."""

    flags: int = 0
    gso_type: int = 0
    gso_size: int = 0
    checksum_start: int = 0
    checksum_offset: int = 0
    header_length: int = 0


def memory_pair(str name_a not None, str name_b not None, uint32_t capacity=1024, *, bint offload=False):
    """Two connected devices, open; each direction holds up to `capacity` frames."""
    if not 1 <= capacity <= 1 << 20:
        raise ValueError(f"a memory device holds 1 to {1 << 20} frames, not {capacity}")
    cdef Cable cable = Cable(capacity)
    cdef MemoryDevice first = MemoryDevice(name_a)
    cdef MemoryDevice second = MemoryDevice(name_b)
    first.plug(cable, 0, offload)
    second.plug(cable, 1, offload)
    ends[name_a] = first
    ends[name_b] = second
    return first, second


cdef void signal_set(int event) noexcept nogil:
    cdef uint64_t one = 1
    write(event, &one, 8)


cdef void signal_clear(int event) noexcept nogil:
    cdef uint64_t value
    read(event, &value, 8)


@cython.no_gc_clear
cdef class Cable:
    """The two rings between two ends."""

    def __cinit__(self, uint32_t limit):
        cdef Ring *ring
        cdef int i
        for i in range(2):
            self.rings[i].arrived = self.rings[i].room = -1
        self.outside = vcpu_make()
        for i in range(2):
            ring = &self.rings[i]
            ring.limit = limit
            ring.capacity = 1
            while ring.capacity < limit:
                ring.capacity *= 2
            ring.slots = <Descriptor **>calloc(ring.capacity, sizeof(Descriptor *))
            ring.arrived = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
            ring.room = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
            if ring.slots == NULL or ring.arrived < 0 or ring.room < 0:
                raise DeviceError("cannot make a memory device: no memory, or too many open files")

    def __dealloc__(self):
        cdef Ring *ring
        cdef int i
        for i in range(2):
            ring = &self.rings[i]
            while ring.first != ring.behind:
                packet_release(self.outside, ring.slots[ring.first & (ring.capacity - 1)])
                ring.first += 1
            free(ring.slots)
            if ring.arrived >= 0:
                close(ring.arrived)
            if ring.room >= 0:
                close(ring.room)
        if self.outside != NULL:
            vcpu_free(self.outside)


cdef void forget(Descriptor *packet) noexcept nogil:
    """Take off what a wire does not carry."""
    packet.mac_header = packet.network_header = packet.transport_header = NO_HEADER
    packet.input_port = 0
    packet.packet_type = TO_HOST
    memset(packet.annotations, 0, ANNOTATIONS)


cdef class MemoryDevice(Device):
    """One end; see memory_pair."""

    def __init__(self, str name):
        self.name = name

    def plug(self, Cable cable not None, int side, bint offload):
        self.cable = cable
        self.offload = offload
        self.outgoing = &cable.rings[side]
        self.incoming = &cable.rings[1 - side]
        self.open()

    def open(self):
        """Take part again after close()."""
        if self.broken:
            raise DeviceError(f"the memory device {self.name} is broken")
        if self.cable is None:
            raise DeviceError(f"the memory device {self.name} has no other end", "make both with memory_pair()")
        self.opened = 1
        self.fd = self.incoming.arrived
        self.room_fd = self.outgoing.room

    def close(self):
        """Stop taking and bringing frames; the cable keeps what is under way."""
        self.opened = 0
        self.fd = self.room_fd = -1

    cdef int rx_batch(self, Vcpu *vcpu, Batch *batch, uint32_t limit) noexcept nogil:
        cdef Ring *ring = self.incoming
        cdef uint32_t behind = acquire(&ring.behind)
        cdef uint32_t count = behind - ring.first
        cdef uint32_t i
        cdef int64_t now
        cdef Descriptor *packet
        if self.broken or not self.opened:
            return -EIO if self.broken else 0
        if count > limit:
            count = limit
        if count:
            now = clock_wall(&vcpu.clock)
            for i in range(count):
                packet = ring.slots[(ring.first + i) & (ring.capacity - 1)]
                packet.timestamp = now
                batch.packets[batch.count + i] = packet
                self.rx_bytes += packet.length
            batch.count += count
            self.rx_packets += count
            vcpu.received += count
            publish(&ring.first, ring.first + count)
            fence()
            if acquire(&ring.waiting) and exchange(&ring.waiting, 0):
                signal_set(ring.room)
        if ring.first == acquire(&ring.behind):
            signal_clear(ring.arrived)
            fence()
            if ring.first != acquire(&ring.behind):
                signal_set(ring.arrived)
        return 0

    cdef int tx_batch(self, Vcpu *vcpu, Batch *batch) noexcept nogil:
        cdef Ring *ring = self.outgoing
        cdef uint32_t room, before, taken = 0, put = 0
        cdef Descriptor *packet
        if self.broken or not self.opened:
            return -EIO if self.broken else -EAGAIN
        room = ring.limit - (ring.behind - acquire(&ring.first))
        if room < batch.count:
            signal_clear(ring.room)
            exchange(&ring.waiting, 1)
            room = ring.limit - (ring.behind - acquire(&ring.first))
        while taken < batch.count and put < room:
            packet = batch.packets[taken]
            taken += 1
            if not self.offload and (packet.gso_type or packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM):
                self.tx_errors += 1
                vcpu.dropped += 1
                packet_release(vcpu, packet)
                continue
            forget(packet)
            packet_end_trace(vcpu, packet)
            self.tx_bytes += packet.length
            ring.slots[(ring.behind + put) & (ring.capacity - 1)] = packet
            put += 1
        vcpu.sent += put
        self.tx_packets += put
        batch.packets += taken
        batch.count -= taken
        if put:
            before = ring.behind
            publish(&ring.behind, before + put)
            fence()
            if acquire(&ring.first) == before:      # else the reader has more to do before it may wait
                signal_set(ring.arrived)
        if batch.count:
            return -EAGAIN
        ring.waiting = 0
        return 0

    # Python's use of an end, when no graph has it

    def send(self, frame, offload=None):
        """Send one frame; False when the ring is full. `offload`: an Offload, on devices that carry them."""
        cdef const uint8_t[::1] content = frame
        cdef Vcpu *outside = self.cable.outside
        cdef Descriptor *packet
        cdef Batch batch
        if offload is not None and not self.offload:
            raise ValueError(f"the memory device {self.name} carries no offloads: make it with offload=True")
        if self.outgoing.behind - acquire(&self.outgoing.first) >= self.outgoing.limit:
            return False
        packet = packet_make(outside, HEADROOM, <uint32_t>len(frame))
        if packet == NULL:
            raise MemoryError(f"no packet buffer is free for {len(frame)} bytes")
        if len(frame):
            memcpy(packet.data, &content[0], len(frame))
        if offload is not None:
            (packet.virtio_flags, packet.gso_type, packet.gso_size, packet.checksum_start, packet.checksum_offset,
             packet.header_length) = offload
            packet.checksum_start += packet_headroom(packet)
        batch.packets = &packet
        batch.count = 1
        self.tx_batch(outside, &batch)
        return True

    def receive(self, uint32_t limit=0xFFFFFFFF, bint offloads=False):
        """The frames that have arrived, at most `limit`: bytes each, or (bytes, Offload) each with `offloads`."""
        cdef Vcpu *outside = self.cable.outside
        cdef Descriptor *packet
        cdef Batch batch
        frames = []
        while limit:
            limit -= 1
            batch.packets = &packet
            batch.count = 0
            self.rx_batch(outside, &batch, 1)
            if batch.count == 0:
                break
            frame = (<char *>packet.data)[:packet.length]
            if offloads:
                start = max(<int>packet.checksum_start - <int>packet_headroom(packet), 0)
                frame = (frame, Offload(packet.virtio_flags, packet.gso_type, packet.gso_size, start,
                                        packet.checksum_offset, packet.header_length))
            packet_release(outside, packet)
            frames.append(frame)
        return frames

    @property
    def pending(self):
        """Frames that have arrived and nobody took yet."""
        return acquire(&self.incoming.behind) - self.incoming.first
