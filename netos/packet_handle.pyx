"""A packet in Python's hands: what tests, PyElements and scapy see of one.

Packets belong to the thread that works with their virtual CPU. While it does so without the GIL, in VirtualCpu.run()
say, others may read the bytes of a handle, but what needs the virtual CPU raises RuntimeError there; and a handle
that is forgotten there (the garbage collector runs in any thread) has its packet dropped in the virtual CPU's own turn.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from netos.kernel.inbox cimport thread_self
from netos.kernel.memory cimport LARGE_BUFFER
from netos.packet cimport (
    ANNO_DESTINATION, ANNO_PAINT, ANNOTATIONS, FLAG_SHARED, NO_HEADER, VIRTIO_NEEDS_CHECKSUM, Descriptor, Vcpu,
    packet_append, packet_clone, packet_consume, packet_headroom, packet_network, packet_prepend, packet_release,
    packet_set_network, packet_strip, packet_transport, packet_trim, packet_writable, vcpu_end_aside, vcpu_put_aside,
)


cdef inline bint vcpu_elsewhere(Vcpu *vcpu) noexcept nogil:
    return vcpu.thread != 0 and vcpu.thread != thread_self()


cdef int vcpu_check(Vcpu *vcpu) except -1:
    """Raise RuntimeError when another thread works with the virtual CPU."""
    if vcpu_elsewhere(vcpu):
        raise RuntimeError("the virtual CPU runs in another thread: packets are that thread's, so leave them to it "
                           "(in asyncio: loop.call_soon_threadsafe), or hold the virtual CPU meanwhile")
    return 0


cdef unsigned long vcpu_begin(Vcpu *vcpu) except SOME_THREAD:
    """The caller is about to work with the virtual CPU without the GIL; what this returns is for vcpu_end()."""
    cdef unsigned long before = vcpu.thread
    vcpu_check(vcpu)
    vcpu.thread = thread_self()
    return before


cdef void vcpu_end(Vcpu *vcpu, unsigned long before) noexcept:
    """The caller has the GIL again. With it nothing can be put aside any more, unless the caller is still inside."""
    vcpu.thread = before
    if before == 0:
        vcpu_end_aside(vcpu)


@cython.no_gc_clear
@cython.freelist(256)
cdef class Packet:
    """A packet in Python's hands: a writable buffer, its annotations and header offsets.

    A handle dies when its packet is output or killed; a handle that is forgotten counts as the drop `abandoned`.
    While a memoryview of it is open, whatever would move its bytes raises BufferError. It belongs to the thread that
    works with its virtual CPU: making, killing, cloning and growing packets in another one raises RuntimeError.
    """

    def __init__(self):
        raise TypeError("make packets with Router.packet() or VirtualCpu.packet()")

    def __dealloc__(self):
        if self.descriptor == NULL:
            return
        if not vcpu_elsewhere(self.vcpu):
            self.vcpu.dropped += 1
            packet_release(self.vcpu, self.descriptor)
        elif vcpu_put_aside(self.vcpu, self.descriptor):
            self.owner.wake()           # it may be waiting for its devices

    cdef int check(self) except -1:
        if self.descriptor == NULL:
            raise RuntimeError("this packet is gone: a handle dies when its packet is output or killed")
        if self.exports:
            raise BufferError("release the packet's memoryviews first")
        return 0

    cdef Descriptor *give(self) except NULL:
        """Take the packet out of the handle, to push it into a graph."""
        self.check()
        cdef Descriptor *descriptor = self.descriptor
        self.descriptor = NULL
        return descriptor

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if self.descriptor == NULL:
            raise BufferError("this packet is gone: a handle dies when its packet is output or killed")
        if self.exports == 0 and self.descriptor.flags & FLAG_SHARED and vcpu_elsewhere(self.vcpu):
            raise BufferError("the packet shares its bytes with a clone, and its virtual CPU runs in another thread")
        if self.exports == 0 and not packet_writable(self.vcpu, self.descriptor):
            raise BufferError("no buffer is free for a writable copy of the packet")
        self.exports += 1
        self.shape[0] = self.descriptor.length
        buffer.buf = self.descriptor.data
        buffer.obj = self
        buffer.len = self.descriptor.length
        buffer.itemsize = 1
        buffer.format = b"B"
        buffer.ndim = 1
        buffer.shape = self.shape
        buffer.strides = &buffer.itemsize
        buffer.suboffsets = NULL
        buffer.readonly = 0
        buffer.internal = NULL

    def __releasebuffer__(self, Py_buffer *buffer):
        self.exports -= 1

    def __len__(self):
        if self.descriptor == NULL:
            raise RuntimeError("this packet is gone: a handle dies when its packet is output or killed")
        return self.descriptor.length

    def __bytes__(self):
        if self.descriptor == NULL:
            raise RuntimeError("this packet is gone: a handle dies when its packet is output or killed")
        return (<char *>self.descriptor.data)[:self.descriptor.length]

    def __repr__(self):
        return "<Packet gone>" if self.descriptor == NULL else f"<Packet of {self.descriptor.length} bytes>"

    @property
    def alive(self):
        """Whether the handle still has its packet."""
        return self.descriptor != NULL

    @property
    def headroom(self):
        """Bytes free in front of the packet, or stripped off it."""
        self.check()
        return packet_headroom(self.descriptor)

    def clone(self):
        """A second packet of the same bytes; writing to either copies them first."""
        self.check()
        vcpu_check(self.vcpu)
        cdef Descriptor *copy = packet_clone(self.vcpu, self.descriptor)
        if copy == NULL:
            raise MemoryError("no packet descriptor is free")
        return packet_wrap(self.vcpu, self.owner, copy)

    def kill(self):
        """End the packet, counted as consumed."""
        self.check()
        vcpu_check(self.vcpu)
        packet_consume(self.vcpu, self.give())

    def strip(self, uint32_t count):
        """Take `count` bytes off the front."""
        self.check()
        if count > self.descriptor.length:
            raise ValueError(f"cannot strip {count} bytes of {self.descriptor.length}")
        packet_strip(self.descriptor, count)

    def trim(self, uint32_t count):
        """Take `count` bytes off the end."""
        self.check()
        if count > self.descriptor.length:
            raise ValueError(f"cannot trim {count} bytes of {self.descriptor.length}")
        packet_trim(self.descriptor, count)

    def prepend(self, bytes data not None):
        """Put bytes in front."""
        self.check()
        vcpu_check(self.vcpu)
        if len(data) > LARGE_BUFFER or not packet_prepend(self.vcpu, self.descriptor, <uint32_t>len(data)):
            raise MemoryError(f"no buffer can hold {len(data)} bytes more")
        memcpy(self.descriptor.data, <char *>data, len(data))

    def append(self, bytes data not None):
        """Put bytes behind."""
        self.check()
        vcpu_check(self.vcpu)
        cdef uint32_t end = self.descriptor.length
        if len(data) > LARGE_BUFFER or not packet_append(self.vcpu, self.descriptor, <uint32_t>len(data)):
            raise MemoryError(f"no buffer can hold {len(data)} bytes more")
        memcpy(self.descriptor.data + end, <char *>data, len(data))

    def annotation(self, unsigned int offset, unsigned int size):
        """`size` bytes of the annotation area from `offset` on (Click's offsets)."""
        self.check()
        if offset > ANNOTATIONS or size > ANNOTATIONS - offset:
            raise ValueError(f"annotations are bytes 0 to {ANNOTATIONS}")
        return (<char *>self.descriptor.annotations)[offset:offset + size]

    def set_annotation(self, unsigned int offset, bytes value not None):
        """Store bytes in the annotation area."""
        self.check()
        if offset + len(value) > ANNOTATIONS:
            raise ValueError(f"annotations are bytes 0 to {ANNOTATIONS}")
        memcpy(self.descriptor.annotations + offset, <char *>value, len(value))

    @property
    def paint(self):
        """The PAINT annotation, 0 to 255."""
        return self.annotation(ANNO_PAINT, 1)[0]

    @paint.setter
    def paint(self, value):
        self.set_annotation(ANNO_PAINT, bytes([value]))

    @property
    def destination(self):
        """The destination address annotation, four bytes."""
        return self.annotation(ANNO_DESTINATION, 4)

    @destination.setter
    def destination(self, value):
        self.set_annotation(ANNO_DESTINATION, value)

    @property
    def timestamp(self):
        """Nanoseconds since 1970; 0 when not set."""
        self.check()
        return self.descriptor.timestamp

    @timestamp.setter
    def timestamp(self, int64_t value):
        self.check()
        self.descriptor.timestamp = value

    @property
    def network_header(self):
        """Offset of the network header from the first byte; None when not set."""
        self.check()
        if self.descriptor.network_header == NO_HEADER:
            return None
        return packet_network(self.descriptor) - self.descriptor.data

    @property
    def transport_header(self):
        """Offset of the transport header from the first byte; None when not set."""
        self.check()
        if self.descriptor.transport_header == NO_HEADER:
            return None
        return packet_transport(self.descriptor) - self.descriptor.data

    def set_network_header(self, int offset, int length):
        """Say where the network header lies (bytes from the first) and how long it is."""
        self.check()
        if not 0 <= offset <= offset + length <= self.descriptor.length:
            raise ValueError("the header does not lie in the packet")
        packet_set_network(self.descriptor, self.descriptor.data + offset, length)

    @property
    def packet_type(self):
        """0 to this host, 1 broadcast, 2 multicast, 3 to another host, 4 outgoing."""
        self.check()
        return self.descriptor.packet_type

    @packet_type.setter
    def packet_type(self, uint8_t value):
        self.check()
        self.descriptor.packet_type = value

    @property
    def offload(self):
        """The virtio-net header fields: flags, gso_type, gso_size, checksum_start, checksum_offset, header_length."""
        self.check()
        cdef Descriptor *packet = self.descriptor
        start = packet.checksum_start - packet_headroom(packet) if packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM else 0
        return (packet.virtio_flags, packet.gso_type, packet.gso_size, start, packet.checksum_offset,
                packet.header_length)

    @offload.setter
    def offload(self, value):
        self.check()
        cdef Descriptor *packet = self.descriptor
        (packet.virtio_flags, packet.gso_type, packet.gso_size, start, packet.checksum_offset,
         packet.header_length) = value
        packet.checksum_start = start + packet_headroom(packet)


cdef Packet packet_wrap(Vcpu *vcpu, object owner, Descriptor *descriptor):
    """A handle that owns the descriptor."""
    cdef Packet packet = Packet.__new__(Packet)
    packet.vcpu = vcpu
    packet.owner = owner
    packet.descriptor = descriptor
    return packet
