"""Packets: descriptors of buffers in the arena, the batches they travel in, and what a virtual CPU keeps for them.

Whoever holds a batch owns its packets; passing it on gives them away; every way out frees or counts.
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from netos.kernel.clock cimport Clock
from netos.kernel.memory cimport ArenaData

cdef extern from *:
    """
    #define netos_prefetch(at) __builtin_prefetch(at, 1)
    #ifdef NETOS_POISON
    #include <sanitizer/asan_interface.h>
    #define netos_poison(at, length) ASAN_POISON_MEMORY_REGION(at, length)
    #define netos_unpoison(at, length) ASAN_UNPOISON_MEMORY_REGION(at, length)
    #else
    #define netos_poison(at, length)
    #define netos_unpoison(at, length)
    #endif
    """
    void prefetch "netos_prefetch"(const void *at) noexcept nogil
    void poison "netos_poison"(const void *at, size_t length) noexcept nogil
    void unpoison "netos_unpoison"(const void *at, size_t length) noexcept nogil


cdef enum:
    BATCH_MAX = 256         # packets a batch holds at most
    HEADROOM = 64           # bytes kept free in front of a packet by default
    ANNOTATIONS = 48        # bytes, at Click's offsets
    DEPTH_MAX = 32          # sorting elements nested in one push
    NO_HEADER = -1          # a header offset that is not set

# Click's annotation offsets (packet_anno.hh), those netos itself reads
cdef enum:
    ANNO_DESTINATION = 0
    ANNO_PAINT = 16
    ANNO_ICMP_PARAMETER = 17
    ANNO_FIX_IP_SOURCE = 18
    ANNO_VLAN_TCI = 20
    ANNO_AGGREGATE = 20
    ANNO_EXTRA_PACKETS = 24
    ANNO_EXTRA_LENGTH = 28
    ANNO_FIRST_TIMESTAMP = 32
    ANNO_PACKET_NUMBER = 40

# Where Click has nothing: what ConnTrack found out
cdef enum:
    ANNO_FLOW_STATE = 19        # a byte: FLOW_NEW and so on of proto/flows.pxd; 0: nobody has looked
    ANNO_FLOW = 44              # four bytes: the reference of its connection and direction; 0: none

cdef enum:
    TO_HOST = 0
    TO_BROADCAST = 1
    TO_MULTICAST = 2
    TO_OTHER_HOST = 3
    OUTGOING = 4

cdef enum:
    FLAG_SHARED = 1         # another descriptor points, or pointed, at the same buffer
    FLAG_LARGE = 2          # the buffer is one of the large ones
    FLAG_TRACED = 4         # a trace follows the packet: its end and its clones are told (netos.trace)

# virtio-net header (virtio 1.2, section 5.1.6)
cdef enum:
    VIRTIO_NEEDS_CHECKSUM = 1
    VIRTIO_DATA_VALID = 2
    GSO_NONE = 0
    GSO_TCPV4 = 1
    GSO_UDP = 3
    GSO_TCPV6 = 4
    GSO_UDP_L4 = 5
    GSO_ECN = 0x80

# Why a packet was dropped. Names in packet.pyx, same order; 48 and up are given out by drop_reason().
cdef enum:
    DROP_NONE, DROP_NO_BUFFER, DROP_LOOP, DROP_QUEUE_FULL, DROP_NO_MATCH, DROP_TRUNCATED, DROP_BAD_VERSION
    DROP_BAD_HEADER_LENGTH, DROP_BAD_LENGTH, DROP_BAD_CHECKSUM, DROP_BAD_SOURCE, DROP_BAD_OPTION, DROP_TTL_EXPIRED
    DROP_NO_ROUTE, DROP_BROADCAST, DROP_OTHER_HOST, DROP_NO_NEIGHBOUR, DROP_BAD_ARP, DROP_TOO_BIG, DROP_NOT_IP
    DROP_DEVICE_FULL, DROP_DEVICE_GONE, DROP_INACTIVE, DROP_SUPPRESSED, DROP_RATE_LIMITED, DROP_ABANDONED
    DROP_EXCEPTION, DROP_CLOSED, DROP_NO_OUTPUT, DROP_UNMATCHED_PAINT, DROP_FILTERED, DROP_BAD_OFFLOAD, DROP_FRAGMENT
    DROP_NO_HEADROOM, DROP_OWN, DROP_BAD_PACKET, DROP_SAMPLED, DROP_INVALID_FLOW, DROP_TABLE_FULL, DROP_NO_MAPPING
    DROP_HALF_OPEN, DROP_BAD_COOKIE, DROP_BAD_FRAGMENT, DROP_FRAGMENT_OVERLAP, DROP_FRAGMENT_TIMEOUT
    DROP_REASSEMBLY_FULL

cdef enum:
    DROP_REASONS = 64


cdef struct Descriptor:
    uint8_t *data               # first byte of the packet
    uint8_t *buffer             # first byte of its buffer
    uint32_t length             # bytes from `data` on
    uint32_t capacity           # bytes from `buffer` on
    int32_t mac_header          # offsets from `buffer`, or NO_HEADER
    int32_t network_header
    int32_t transport_header
    uint16_t input_port
    uint8_t packet_type
    uint8_t flags
    int64_t timestamp           # nanoseconds since 1970, 0 when not set
    uint32_t buffer_number      # index of the buffer's reference count
    uint8_t virtio_flags
    uint8_t gso_type
    uint16_t gso_size           # bytes of payload a segment
    uint16_t checksum_start     # offset from `buffer`
    uint16_t checksum_offset    # offset from `checksum_start`
    uint8_t annotations[ANNOTATIONS]    # the first ones still lie in the first cache line
    uint16_t header_length      # bytes of headers before the payload of a segment


cdef struct Batch:
    Descriptor **packets        # BATCH_MAX pointers, or a slice of somebody's
    uint32_t count


cdef struct Group:
    int32_t output
    uint32_t first
    uint32_t count


cdef struct Frame:              # what a sorting element needs for one batch; see staging.emit
    int16_t output[BATCH_MAX]   # of each packet; below 0: drop for the reason -output
    Descriptor *sorted[BATCH_MAX]
    Group groups[BATCH_MAX]


cdef struct Event:              # nogil code has something to tell Python
    void *element
    int64_t kind
    int64_t value


cdef enum:
    READY_MAX = 512
    SPILL = 256             # how many a full cache gives back
    BARE_MAX = 512
    EVENTS_MAX = 1024


cdef struct Vcpu:
    Clock clock
    uint32_t width              # packets a source may emit at once; 1 when order is observed or time simulated
    uint32_t widen              # packets a run may move where a burst says fewer; 0: bursts are exact
    uint32_t depth              # frames in use
    uint32_t nesting            # pushes within pushes
    uint32_t ready_count
    uint32_t bare_count
    Descriptor *ready[READY_MAX]    # descriptors that have a small buffer
    Descriptor *bare[BARE_MAX]      # descriptors without
    uint64_t created            # packets by how they came and went; see `held` in packet.pyx
    uint64_t received
    uint64_t sent
    uint64_t consumed
    uint64_t dropped
    uint64_t empty              # times no buffer could be had
    uint32_t events_first
    uint32_t events_count
    uint64_t events_lost
    void *events_owner          # the VirtualCpu, for delivery between two packets of a narrow burst
    void (*deliver)(void *owner) noexcept nogil
    ArenaData *arena
    Event *events               # EVENTS_MAX, a ring
    Frame *frames               # DEPTH_MAX + 1
    unsigned long thread        # that works with all this without the GIL; 0: none does, and who has the GIL may
    Descriptor *aside           # what other threads have let go of meanwhile; linked by their `data`


cdef Vcpu *vcpu_make() except NULL
cdef void vcpu_free(Vcpu *vcpu) noexcept nogil
cdef bint vcpu_refill(Vcpu *vcpu) noexcept nogil
cdef bint vcpu_refill_bare(Vcpu *vcpu) noexcept nogil
cdef void vcpu_spill(Vcpu *vcpu) noexcept nogil
cdef bint vcpu_put_aside(Vcpu *vcpu, Descriptor *packet) noexcept nogil
cdef void vcpu_end_aside(Vcpu *vcpu) noexcept nogil
cdef void event_queue(Vcpu *vcpu, void *element, int64_t kind, int64_t value) noexcept nogil
cdef void events_forget(Vcpu *vcpu, void *element) noexcept nogil
cdef Descriptor *packet_make_large(Vcpu *vcpu) noexcept nogil
cdef void packet_release_slow(Vcpu *vcpu, Descriptor *packet) noexcept nogil
cdef Descriptor *packet_clone(Vcpu *vcpu, Descriptor *packet) noexcept nogil
cdef bint packet_copy_buffer(Vcpu *vcpu, Descriptor *packet, uint32_t headroom, uint32_t tailroom) noexcept nogil

# Told of a traced packet's end (`copy` is NULL), or of its clone
ctypedef void (*TraceHook)(Vcpu *vcpu, Descriptor *packet, Descriptor *copy) noexcept nogil
cdef void packet_end_trace(Vcpu *vcpu, Descriptor *packet) noexcept nogil


# A packet's life

cdef inline void packet_reset(Descriptor *packet, uint32_t headroom, uint32_t length) noexcept nogil:
    packet.data = packet.buffer + headroom
    packet.length = length
    packet.mac_header = packet.network_header = packet.transport_header = NO_HEADER
    packet.input_port = 0
    packet.packet_type = TO_HOST
    packet.timestamp = 0
    memset(&packet.virtio_flags, 0, 10 + ANNOTATIONS)
    packet_guard(packet)


cdef inline void packet_guard(Descriptor *packet) noexcept nogil:
    """In the asan build, make a read past the packet's end an error."""
    unpoison(packet.buffer, packet.data + packet.length - packet.buffer)
    if not packet.flags & FLAG_SHARED:
        poison(packet.data + packet.length, packet.buffer + packet.capacity - packet.data - packet.length)


cdef inline Descriptor *packet_make(Vcpu *vcpu, uint32_t headroom, uint32_t length) noexcept nogil:
    """An empty packet of `length` bytes (their content is whatever was there), or NULL when there is no buffer."""
    cdef Descriptor *packet
    if headroom + length > 2048:
        packet = packet_make_large(vcpu) if headroom + length <= 69632 else NULL
        if packet == NULL:
            vcpu.empty += 1
            return NULL
    else:
        if vcpu.ready_count == 0 and not vcpu_refill(vcpu):
            vcpu.empty += 1
            return NULL
        vcpu.ready_count -= 1
        packet = vcpu.ready[vcpu.ready_count]
        packet.flags = 0
    packet_reset(packet, headroom, length)
    return packet


cdef inline void packet_release(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """Give descriptor and buffer back; the caller has counted why."""
    if packet.flags:
        packet_release_slow(vcpu, packet)
        return
    if vcpu.ready_count == READY_MAX:
        vcpu_spill(vcpu)
    poison(packet.buffer, packet.capacity)
    vcpu.ready[vcpu.ready_count] = packet
    vcpu.ready_count += 1


cdef inline Descriptor *packet_create(Vcpu *vcpu, uint32_t headroom, uint32_t length) noexcept nogil:
    """packet_make, counted as created here (a device counts `received` itself)."""
    cdef Descriptor *packet = packet_make(vcpu, headroom, length)
    if packet != NULL:
        vcpu.created += 1
    return packet


cdef inline void packet_consume(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """The packet has reached its end."""
    vcpu.consumed += 1
    packet_release(vcpu, packet)


cdef inline void batch_consume(Vcpu *vcpu, Batch *batch) noexcept nogil:
    cdef uint32_t i
    vcpu.consumed += batch.count
    for i in range(batch.count):
        packet_release(vcpu, batch.packets[i])
    batch.count = 0


# A packet's bytes

cdef inline bint packet_writable(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """Make sure nobody else sees what is written to the packet; 0 when there is no buffer for a copy."""
    if packet.flags & FLAG_SHARED:
        return packet_copy_buffer(vcpu, packet, <uint32_t>(packet.data - packet.buffer), 0)
    return 1


cdef inline uint32_t packet_headroom(Descriptor *packet) noexcept nogil:
    return <uint32_t>(packet.data - packet.buffer)


cdef inline uint32_t packet_tailroom(Descriptor *packet) noexcept nogil:
    return packet.capacity - packet_headroom(packet) - packet.length


cdef inline void packet_strip(Descriptor *packet, uint32_t count) noexcept nogil:
    """Take bytes off the front; `count` is at most the length."""
    packet.data += count
    packet.length -= count


cdef inline bint packet_prepend(Vcpu *vcpu, Descriptor *packet, uint32_t count) noexcept nogil:
    """Put `count` writable bytes in front; 0, and nothing done, when no buffer can hold them."""
    if packet.flags & FLAG_SHARED or packet_headroom(packet) < count:
        if not packet_copy_buffer(vcpu, packet, HEADROOM + count, 0):
            return 0
    packet.data -= count
    packet.length += count
    return 1


cdef inline bint packet_append(Vcpu *vcpu, Descriptor *packet, uint32_t count) noexcept nogil:
    """Put `count` writable bytes behind; 0, and nothing done, when no buffer can hold them."""
    if packet.flags & FLAG_SHARED or packet_tailroom(packet) < count:
        if not packet_copy_buffer(vcpu, packet, packet_headroom(packet), count):
            return 0
    packet.length += count
    packet_guard(packet)
    return 1


cdef inline void packet_trim(Descriptor *packet, uint32_t count) noexcept nogil:
    """Take bytes off the end; `count` is at most the length."""
    packet.length -= count
    packet_guard(packet)


# Headers and annotations

cdef inline uint8_t *packet_mac(Descriptor *packet) noexcept nogil:
    return packet.buffer + packet.mac_header


cdef inline uint8_t *packet_network(Descriptor *packet) noexcept nogil:
    return packet.buffer + packet.network_header


cdef inline uint8_t *packet_transport(Descriptor *packet) noexcept nogil:
    return packet.buffer + packet.transport_header


cdef inline uint32_t packet_network_length(Descriptor *packet) noexcept nogil:
    """Bytes from the network header to the packet's end."""
    return <uint32_t>(packet.data + packet.length - packet_network(packet))


cdef inline uint32_t packet_transport_length(Descriptor *packet) noexcept nogil:
    """Bytes from the transport header to the packet's end."""
    return <uint32_t>(packet.data + packet.length - packet_transport(packet))


cdef inline void packet_set_mac(Descriptor *packet, const uint8_t *at) noexcept nogil:
    packet.mac_header = <int32_t>(at - packet.buffer)


cdef inline void packet_set_network(Descriptor *packet, const uint8_t *at, uint32_t header_length) noexcept nogil:
    packet.network_header = <int32_t>(at - packet.buffer)
    packet.transport_header = packet.network_header + <int32_t>header_length


cdef inline uint32_t packet_destination(Descriptor *packet) noexcept nogil:
    """The destination address annotation, in network order as it lies in memory."""
    cdef uint32_t address
    memcpy(&address, packet.annotations + ANNO_DESTINATION, 4)
    return address


cdef inline void packet_set_destination(Descriptor *packet, uint32_t address) noexcept nogil:
    memcpy(packet.annotations + ANNO_DESTINATION, &address, 4)
