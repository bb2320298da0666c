"""Packets: descriptors of buffers in the arena, the batches they travel in, and what a virtual CPU keeps for them.

At every batch boundary of a virtual CPU holds
    received + created = sent + consumed + dropped + held
where held packets wait in queues, in neighbour tables or in Python's hands.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcpy

from netos.kernel.inbox cimport pointer_put, pointer_take
from netos.kernel.memory cimport (
    DESCRIPTOR_SIZE, LARGE_BUFFER, SMALL_BUFFER, arena_get, pool_give, pool_number, pool_take,
)

cdef extern from *:
    """
    static inline uint32_t netos_add(uint32_t *at, uint32_t n) { return __atomic_add_fetch(at, n, __ATOMIC_ACQ_REL); }
    static inline uint32_t netos_sub(uint32_t *at, uint32_t n) { return __atomic_sub_fetch(at, n, __ATOMIC_ACQ_REL); }
    static inline uint32_t netos_load(uint32_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    """
    uint32_t atomic_add "netos_add"(uint32_t *at, uint32_t count) noexcept nogil
    uint32_t atomic_sub "netos_sub"(uint32_t *at, uint32_t count) noexcept nogil
    uint32_t atomic_load "netos_load"(uint32_t *at) noexcept nogil

assert sizeof(Descriptor) <= DESCRIPTOR_SIZE, "a packet descriptor must fit its slot"

DROP_NAMES = [
    "none", "no-buffer", "loop", "queue-full", "no-match", "truncated", "bad-version",
    "bad-header-length", "bad-length", "bad-checksum", "bad-source", "bad-option", "ttl-expired",
    "no-route", "broadcast", "other-host", "no-neighbour", "bad-arp", "too-big", "not-ip",
    "device-full", "device-gone", "inactive", "suppressed", "rate-limited", "abandoned",
    "exception", "closed", "no-output", "unmatched-paint", "filtered", "bad-offload", "fragment",
    "no-headroom", "own", "bad-packet", "sampled", "invalid-flow", "table-full",
    "no-mapping", "half-open", "bad-cookie", "bad-fragment", "fragment-overlap", "fragment-timeout",
    "reassembly-full",
]


def drop_reason(name):
    """The number of the drop reason called `name`; a new one, of a third-party element, gets one of those left."""
    if name in DROP_NAMES:
        return DROP_NAMES.index(name)
    if len(DROP_NAMES) < 48:
        DROP_NAMES.extend([f"reserved-{number}" for number in range(len(DROP_NAMES), 48)])
    if len(DROP_NAMES) == DROP_REASONS:
        raise ValueError(f"no number is left for the drop reason {name!r}: there are at most {DROP_REASONS}")
    DROP_NAMES.append(name)
    return len(DROP_NAMES) - 1


cdef TraceHook trace_hook = NULL


def set_trace_hook(size_t address):
    """Have the C function at this address told of the ends and clones of traced packets; 0: none. See netos.trace."""
    global trace_hook
    trace_hook = <TraceHook>address


cdef void packet_end_trace(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """The packet ends, or leaves this appliance: nobody follows it any more."""
    if packet.flags & FLAG_TRACED:
        packet.flags &= ~FLAG_TRACED
        if trace_hook != NULL:
            trace_hook(vcpu, packet, NULL)


cdef Vcpu *vcpu_make() except NULL:
    """What a virtual CPU needs to make, sort and free packets."""
    cdef ArenaData *arena = arena_get()
    cdef Vcpu *vcpu = <Vcpu *>calloc(1, sizeof(Vcpu))
    if vcpu == NULL:
        raise MemoryError("netos: no memory for a virtual CPU")
    vcpu.arena = arena
    vcpu.width = BATCH_MAX
    vcpu.events = <Event *>malloc(EVENTS_MAX * sizeof(Event))
    vcpu.frames = <Frame *>malloc((DEPTH_MAX + 1) * sizeof(Frame))
    if vcpu.events == NULL or vcpu.frames == NULL:
        vcpu_free(vcpu)
        raise MemoryError("netos: no memory for a virtual CPU")
    return vcpu


cdef int by_buffer(const void *a, const void *b) noexcept nogil:
    cdef uint8_t *first = (<Descriptor **>a)[0].buffer
    cdef uint8_t *second = (<Descriptor **>b)[0].buffer
    return (first > second) - (first < second)


cdef int by_place(const void *a, const void *b) noexcept nogil:
    cdef Descriptor *first = (<Descriptor **>a)[0]
    cdef Descriptor *second = (<Descriptor **>b)[0]
    return (first > second) - (first < second)


cdef void vcpu_free(Vcpu *vcpu) noexcept nogil:
    cdef uint32_t i
    vcpu_end_aside(vcpu)
    qsort(vcpu.ready, vcpu.ready_count, sizeof(Descriptor *), by_buffer)    # neighbours stay neighbours: see memory.pyx
    for i in range(vcpu.ready_count):
        pool_give(&vcpu.arena.small, 1, &vcpu.ready[i].buffer)
    qsort(vcpu.ready, vcpu.ready_count, sizeof(Descriptor *), by_place)
    pool_give(&vcpu.arena.descriptors, vcpu.ready_count, <uint8_t **>vcpu.ready)
    pool_give(&vcpu.arena.descriptors, vcpu.bare_count, <uint8_t **>vcpu.bare)
    free(vcpu.events)
    free(vcpu.frames)
    free(vcpu)


cdef bint vcpu_refill(Vcpu *vcpu) noexcept nogil:
    """Take 64 packets from the shared pools into the cache; 0 when there are none."""
    cdef uint8_t *buffers[64]
    cdef uint32_t i
    cdef uint32_t count = pool_take(&vcpu.arena.small, 64, buffers)
    cdef uint32_t described = pool_take(&vcpu.arena.descriptors, count, <uint8_t **>vcpu.ready)
    if described < count:
        pool_give(&vcpu.arena.small, count - described, buffers + described)
    for i in range(described):
        vcpu.ready[i].buffer = buffers[i]
        vcpu.ready[i].capacity = SMALL_BUFFER
        vcpu.ready[i].buffer_number = pool_number(&vcpu.arena.small, buffers[i])
    vcpu.ready_count = described
    return described > 0


cdef bint vcpu_refill_bare(Vcpu *vcpu) noexcept nogil:
    vcpu.bare_count = pool_take(&vcpu.arena.descriptors, 64, <uint8_t **>vcpu.bare)
    return vcpu.bare_count > 0


cdef void vcpu_spill(Vcpu *vcpu) noexcept nogil:
    """Give half of the cache back to the shared pools."""
    cdef uint8_t *buffers[SPILL]
    cdef uint32_t i
    vcpu.ready_count = SPILL
    for i in range(SPILL):
        buffers[i] = vcpu.ready[SPILL + i].buffer
    pool_give(&vcpu.arena.small, SPILL, buffers)
    pool_give(&vcpu.arena.descriptors, SPILL, <uint8_t **>(vcpu.ready + SPILL))


cdef bint vcpu_put_aside(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """Let go of a packet while another thread works with the virtual CPU; return whether it is the only one so far."""
    return pointer_put(&vcpu.aside, <void **>&packet.data, packet)


cdef void vcpu_end_aside(Vcpu *vcpu) noexcept nogil:
    """Drop what other threads have let go of; for who works with the virtual CPU."""
    cdef Descriptor *packet = <Descriptor *>pointer_take(&vcpu.aside)
    cdef Descriptor *next
    while packet != NULL:
        next = <Descriptor *>packet.data
        vcpu.dropped += 1
        packet_release(vcpu, packet)
        packet = next


cdef void event_queue(Vcpu *vcpu, void *element, int64_t kind, int64_t value) noexcept nogil:
    """Have the element's Python side hear of something, after the batch."""
    cdef Event *event
    if vcpu.events_count == EVENTS_MAX:
        vcpu.events_lost += 1
        return
    event = &vcpu.events[(vcpu.events_first + vcpu.events_count) % EVENTS_MAX]
    event.element = element
    event.kind = kind
    event.value = value
    vcpu.events_count += 1


cdef void events_forget(Vcpu *vcpu, void *element) noexcept nogil:
    """Nobody is there any more to hear what the element told."""
    cdef uint32_t i
    for i in range(vcpu.events_count):
        if vcpu.events[(vcpu.events_first + i) % EVENTS_MAX].element == element:
            vcpu.events[(vcpu.events_first + i) % EVENTS_MAX].element = NULL


cdef Descriptor *bare_take(Vcpu *vcpu) noexcept nogil:
    if vcpu.bare_count == 0 and not vcpu_refill_bare(vcpu):
        return NULL
    vcpu.bare_count -= 1
    return vcpu.bare[vcpu.bare_count]


cdef void bare_give(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    if vcpu.bare_count == BARE_MAX:
        vcpu.bare_count = SPILL
        pool_give(&vcpu.arena.descriptors, SPILL, <uint8_t **>(vcpu.bare + SPILL))
    vcpu.bare[vcpu.bare_count] = packet
    vcpu.bare_count += 1


cdef Descriptor *packet_make_large(Vcpu *vcpu) noexcept nogil:
    cdef Descriptor *packet = bare_take(vcpu)
    if packet == NULL:
        return NULL
    if not pool_take(&vcpu.arena.large, 1, &packet.buffer):
        bare_give(vcpu, packet)
        return NULL
    packet.capacity = LARGE_BUFFER
    packet.buffer_number = vcpu.arena.small.capacity + pool_number(&vcpu.arena.large, packet.buffer)
    packet.flags = FLAG_LARGE
    return packet


cdef void packet_release_slow(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """Release a packet whose buffer is shared or large, or that is traced."""
    cdef uint32_t *references = &vcpu.arena.references[packet.buffer_number]
    packet_end_trace(vcpu, packet)
    if packet.flags & FLAG_SHARED and atomic_sub(references, 1) != 0:
        bare_give(vcpu, packet)
        return
    packet.flags &= ~FLAG_SHARED
    if packet.flags & FLAG_LARGE:
        poison(packet.buffer, packet.capacity)
        pool_give(&vcpu.arena.large, 1, &packet.buffer)
        bare_give(vcpu, packet)
    else:
        packet_release(vcpu, packet)


cdef Descriptor *packet_clone(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """A second descriptor of the same bytes, counted as created; NULL when there is no descriptor."""
    cdef Descriptor *copy = bare_take(vcpu)
    if copy == NULL:
        vcpu.empty += 1
        return NULL
    if packet.flags & FLAG_SHARED:
        atomic_add(&vcpu.arena.references[packet.buffer_number], 1)
    else:
        vcpu.arena.references[packet.buffer_number] = 2
        packet.flags |= FLAG_SHARED
    unpoison(packet.buffer, packet.capacity)
    copy[0] = packet[0]
    vcpu.created += 1
    if copy.flags & FLAG_TRACED:
        copy.flags &= ~FLAG_TRACED
        if trace_hook != NULL:
            trace_hook(vcpu, packet, copy)
    return copy


cdef bint packet_copy_buffer(Vcpu *vcpu, Descriptor *packet, uint32_t headroom, uint32_t tailroom) noexcept nogil:
    """Move the packet to a buffer of its own with that much room; 0, and nothing done, when there is none.

    What lies in front of it, such as headers that were stripped, comes along: headroom never shrinks. A shared packet
    whose other owners are gone keeps its buffer when it has the room.
    """
    cdef uint32_t *references = &vcpu.arena.references[packet.buffer_number]
    if (packet.flags & FLAG_SHARED and packet_headroom(packet) >= headroom and packet_tailroom(packet) >= tailroom
            and atomic_load(references) == 1):
        packet.flags &= ~FLAG_SHARED
        return 1
    cdef uint32_t kept = packet_headroom(packet)
    headroom = max(headroom, kept)
    cdef Descriptor *fresh = packet_make(vcpu, headroom, packet.length + tailroom)
    if fresh == NULL:
        return 0
    memcpy(fresh.data - kept, packet.data - kept, kept + packet.length)
    fresh.length = packet.length
    # The two swap buffers: the caller's descriptor stays the packet, and the other takes the old buffer away.
    cdef Descriptor old = packet[0]
    cdef int32_t moved = <int32_t>headroom - <int32_t>packet_headroom(packet)
    packet.data = fresh.data
    packet.buffer = fresh.buffer
    packet.capacity = fresh.capacity
    packet.buffer_number = fresh.buffer_number
    packet.flags = fresh.flags | (old.flags & FLAG_TRACED)
    packet_move_headers(packet, moved)
    packet_guard(packet)
    fresh.buffer = old.buffer
    fresh.capacity = old.capacity
    fresh.buffer_number = old.buffer_number
    fresh.flags = old.flags & ~FLAG_TRACED
    packet_release(vcpu, fresh)
    return 1


cdef void packet_move_headers(Descriptor *packet, int32_t moved) noexcept nogil:
    """The bytes lie `moved` further from the start of the buffer: so do the headers."""
    if packet.mac_header != NO_HEADER:
        packet.mac_header += moved
    if packet.network_header != NO_HEADER:
        packet.network_header += moved
    if packet.transport_header != NO_HEADER:
        packet.transport_header += moved
    if packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
        packet.checksum_start = <uint16_t>(packet.checksum_start + moved)
