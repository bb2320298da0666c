"""What a network card does for its driver, in software: completing partial checksums, and segmentation.

An element whose `offload` is "none" gets neither a partial checksum (virtio 1.2, section 5.1.6.2) nor a segmentation
packet, one with "checksum" no segmentation packet: a shim before it completes or cuts them, and counts both. TCP is cut
as Linux cuts it: the identification counts up, FIN and PSH are the last segment's, CWR the first one's.
"""

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.checksum cimport (
    checksum_finish, checksum_ip, checksum_nonzero, checksum_partial, checksum_pseudo_ip, checksum_pseudo_ip6,
)
from netos.element cimport Element
from netos.packet cimport (
    BATCH_MAX, DROP_BAD_OFFLOAD, DROP_CLOSED, DROP_NO_BUFFER, GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, HEADROOM,
    NO_HEADER, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, Vcpu, packet_consume, packet_create, packet_headroom,
    packet_writable,
)
from netos.packet_handle cimport Packet, packet_wrap
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH, ETHERTYPE_QINQ, ETHERTYPE_VLAN, VLAN_TAG_LENGTH
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_IDENTIFICATION, IP_AT_TOTAL_LENGTH, IP_HEADER_LENGTH, IP_PROTOCOL_TCP,
    IP_PROTOCOL_UDP, ip_header_length, ip_identification,
)
from netos.proto.tcp cimport (
    TCP_AT_CHECKSUM, TCP_AT_FLAGS, TCP_AT_SEQUENCE, TCP_CWR, TCP_FIN, TCP_HEADER_LENGTH, TCP_PSH, tcp_header_length,
    tcp_sequence,
)
from netos.proto.udp cimport UDP_AT_CHECKSUM, UDP_AT_LENGTH, UDP_HEADER_LENGTH
from netos.wire cimport load_be16, store_be16, store_be32

from netos.packet import DROP_NAMES

cdef enum:
    IP6_HEADER_LENGTH = 40
    IP6_AT_LENGTH = 4
    IP6_AT_SOURCE = 8
    IP6_AT_DESTINATION = 24
    TAGS_MAX = 3


cdef int checksum_complete(Vcpu *vcpu, Descriptor *packet) noexcept nogil:
    """Sum what a partial checksum left out; 0, or the reason to drop the packet."""
    cdef uint32_t start
    cdef uint64_t total
    cdef uint8_t *check
    if not packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
        return 0
    if packet.checksum_start < packet_headroom(packet):
        return DROP_BAD_OFFLOAD
    start = packet.checksum_start - packet_headroom(packet)
    if start + packet.checksum_offset + 2 > packet.length:
        return DROP_BAD_OFFLOAD
    if not packet_writable(vcpu, packet):
        return DROP_NO_BUFFER
    check = packet.data + start + packet.checksum_offset
    total = checksum_partial(packet.data + start, packet.length - start, 0)
    store_be16(check, checksum_nonzero(checksum_finish(total)))
    packet.virtio_flags = 0
    return 0


cdef int ip_at(Descriptor *packet, uint32_t at, uint32_t transport) noexcept nogil:
    """4 or 6 when the packet has an IP header at `at` whose transport header is at `transport`; else 0."""
    cdef const uint8_t *ip = packet.data + at
    if at + IP_HEADER_LENGTH > transport:
        return 0
    if ip[0] >> 4 == 4:
        return 4 if at + ip_header_length(ip) == transport else 0
    return 6 if ip[0] >> 4 == 6 and at + IP6_HEADER_LENGTH <= transport else 0


cdef int find_ip(Descriptor *packet, uint32_t transport, uint32_t *found) noexcept nogil:
    """The version and place of the IP header before the transport header: where it is marked, else by Ethernet."""
    cdef int32_t marked = packet.network_header - <int32_t>packet_headroom(packet)
    cdef int32_t frame = packet.mac_header - <int32_t>packet_headroom(packet) if packet.mac_header != NO_HEADER else 0
    cdef uint32_t tags, at
    cdef int version
    if packet.network_header != NO_HEADER and marked >= 0:
        version = ip_at(packet, <uint32_t>marked, transport)
        if version:
            found[0] = <uint32_t>marked
            return version
    for tags in range(TAGS_MAX):
        at = frame + ETHER_HEADER_LENGTH + tags * VLAN_TAG_LENGTH
        if frame + <int32_t>ETHER_HEADER_LENGTH + <int32_t>(tags * VLAN_TAG_LENGTH) < 0 or at > packet.length:
            break
        version = ip_at(packet, at, transport)
        if version:
            found[0] = at
            return version
        if frame < 0 or load_be16(packet.data + at - 2) not in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
            break
    found[0] = 0
    return ip_at(packet, 0, transport)


cdef int segments_begin(Segments *segments, Descriptor *packet) noexcept nogil:
    """Get ready to cut a segmentation packet, which stays the caller's; 0, or the reason why it cannot be cut."""
    cdef uint32_t transport
    cdef int kind = packet.gso_type & ~GSO_ECN
    cdef int version
    if not packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM or packet.gso_size == 0:
        return DROP_BAD_OFFLOAD
    if packet.checksum_start < packet_headroom(packet):
        return DROP_BAD_OFFLOAD
    transport = packet.checksum_start - packet_headroom(packet)
    segments.tcp = kind == GSO_TCPV4 or kind == GSO_TCPV6
    if not segments.tcp and kind != GSO_UDP_L4:
        return DROP_BAD_OFFLOAD
    if transport + (TCP_HEADER_LENGTH if segments.tcp else UDP_HEADER_LENGTH) > packet.length:
        return DROP_BAD_OFFLOAD
    segments.payload = transport + UDP_HEADER_LENGTH
    if segments.tcp:
        segments.payload = transport + tcp_header_length(packet.data + transport)
        if segments.payload < transport + TCP_HEADER_LENGTH or segments.payload > packet.length:
            return DROP_BAD_OFFLOAD
    version = find_ip(packet, transport, &segments.network)
    if version == 0 or kind == GSO_TCPV4 and version != 4 or kind == GSO_TCPV6 and version != 6:
        return DROP_BAD_OFFLOAD
    segments.ip6 = version == 6
    segments.packet = packet
    segments.transport = transport
    segments.size = packet.gso_size
    segments.position = 0
    segments.number = 0
    return 0


cdef int32_t moved_header(int32_t offset, int32_t moved) noexcept nogil:
    return offset + moved if offset != NO_HEADER and offset + moved >= 0 else NO_HEADER


cdef Descriptor *segments_next(Segments *segments, Vcpu *vcpu) noexcept nogil:
    """The next segment, counted as created; NULL when there is none left, or no buffer."""
    cdef Descriptor *whole = segments.packet
    cdef uint32_t left = whole.length - segments.payload - segments.position
    cdef uint32_t size = min(left, segments.size)
    cdef uint32_t headroom = packet_headroom(whole)
    cdef int32_t moved
    cdef bint last = size == left
    cdef Descriptor *segment
    if left == 0 and segments.number:
        return NULL
    if headroom + segments.payload + size > 2048 and headroom > HEADROOM:
        headroom = HEADROOM
    segment = packet_create(vcpu, headroom, segments.payload + size)
    if segment == NULL:
        return NULL
    memcpy(segment.data - headroom, whole.data - headroom, headroom + segments.payload)
    memcpy(segment.data + segments.payload, whole.data + segments.payload + segments.position, size)
    memcpy(segment.annotations, whole.annotations, sizeof(whole.annotations))
    segment.timestamp = whole.timestamp
    segment.input_port = whole.input_port
    segment.packet_type = whole.packet_type
    moved = <int32_t>headroom - <int32_t>packet_headroom(whole)
    segment.mac_header = moved_header(whole.mac_header, moved)
    segment.network_header = moved_header(whole.network_header, moved)
    segment.transport_header = moved_header(whole.transport_header, moved)
    write_network(segments, segment)
    write_transport(segments, segment, last)
    segments.position += size
    segments.number += 1
    return segment


cdef void write_network(Segments *segments, Descriptor *segment) noexcept nogil:
    """The length, and IPv4's identification and checksum."""
    cdef uint8_t *ip = segment.data + segments.network
    cdef uint32_t length = segment.length - segments.network
    if segments.ip6:
        store_be16(ip + IP6_AT_LENGTH, <uint16_t>(length - IP6_HEADER_LENGTH))
        return
    store_be16(ip + IP_AT_TOTAL_LENGTH, <uint16_t>length)
    store_be16(ip + IP_AT_IDENTIFICATION, <uint16_t>(ip_identification(ip) + segments.number))
    store_be16(ip + IP_AT_CHECKSUM, 0)
    store_be16(ip + IP_AT_CHECKSUM, checksum_ip(ip, ip_header_length(ip)))


cdef void write_transport(Segments *segments, Descriptor *segment, bint last) noexcept nogil:
    """The sequence number and flags, or UDP's length; then the checksum."""
    cdef uint8_t *ip = segment.data + segments.network
    cdef uint8_t *transport = segment.data + segments.transport
    cdef uint32_t length = segment.length - segments.transport
    cdef uint8_t *check = transport + (TCP_AT_CHECKSUM if segments.tcp else UDP_AT_CHECKSUM)
    cdef uint8_t protocol = IP_PROTOCOL_TCP if segments.tcp else IP_PROTOCOL_UDP
    cdef uint64_t total
    if segments.tcp:
        store_be32(transport + TCP_AT_SEQUENCE, tcp_sequence(transport) + segments.position)
        if not last:
            transport[TCP_AT_FLAGS] &= <uint8_t>~(TCP_FIN | TCP_PSH)
        if segments.number:
            transport[TCP_AT_FLAGS] &= <uint8_t>~TCP_CWR
    else:
        store_be16(transport + UDP_AT_LENGTH, <uint16_t>length)
    store_be16(check, 0)
    if segments.ip6:
        total = checksum_pseudo_ip6(ip + IP6_AT_SOURCE, ip + IP6_AT_DESTINATION, protocol, length)
    else:
        total = checksum_pseudo_ip(ip, length)
    store_be16(check, checksum_nonzero(checksum_finish(checksum_partial(transport, length, total))))


def complete(Packet packet not None):
    """Complete the partial checksum of a packet; ValueError when its offload fields cannot be true."""
    packet.check()
    cdef int reason = checksum_complete(packet.vcpu, packet.descriptor)
    if reason:
        raise ValueError(f"the checksum cannot be completed: {DROP_NAMES[reason]}")


def segment(Packet packet not None):
    """The segments of a segmentation packet, whose handle dies; ValueError when its offload fields cannot be true."""
    cdef Segments segments
    packet.check()
    cdef int reason = segments_begin(&segments, packet.descriptor)
    if reason:
        raise ValueError(f"the packet cannot be cut: {DROP_NAMES[reason]}")
    made = []
    while segments.number == 0 or segments_left(&segments):
        descriptor = segments_next(&segments, packet.vcpu)
        if descriptor == NULL:
            raise MemoryError("no packet buffer is free")
        made.append(packet_wrap(packet.vcpu, packet.owner, descriptor))
    packet.kill()
    return made


# The shim

cdef void shim_push(void *object, int port, Batch *batch) noexcept nogil:
    (<OffloadShim>object).push_batch(batch)


cdef void shim_pull(void *object, int port, uint32_t limit, Batch *into) noexcept nogil:
    (<OffloadShim>object).pull_batch(limit, into)


@cython.no_gc_clear
cdef class OffloadShim:
    """Completes, and cuts, what goes to an element that cannot do it; made by bind_offload.

    Segments beyond what a pull asked for wait here for the next. What cannot be completed is a drop of the element's.
    """

    def __init__(self, Element element not None, bint checksums):
        self.element = element
        self.checksums = checksums

    @property
    def held(self):
        """Packets that wait for the next pull; one that is being cut counts as one."""
        return self.behind - self.first + (1 if self.segments.packet != NULL else 0)

    def before_input(self, int port):
        """Stand between a pull input and what it pulls from."""
        self.target = self.element.inputs[port]
        self.element.inputs[port].pull = shim_pull
        self.element.inputs[port].object = <void *>self

    def after_output(self, Element source not None, int output):
        """Stand between a push output and the element's input it leads to; several outputs may lead to one input."""
        self.target = source.outputs[output]
        source.outputs[output].push = shim_push
        source.outputs[output].object = <void *>self

    def close(self):
        """Drop what waits."""
        if self.segments.packet != NULL:
            self.element.drop(self.segments.packet, DROP_CLOSED)
            self.segments.packet = NULL
        while self.first != self.behind:
            self.element.drop(self.pending[self.first], DROP_CLOSED)
            self.first += 1

    cdef Descriptor *completed_packet(self, Descriptor *packet) noexcept nogil:
        """The packet with its checksum complete where that is wanted; NULL when it had to be dropped."""
        cdef int reason
        if not self.checksums or not packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
            return packet
        reason = checksum_complete(self.element.vcpu, packet)
        if reason:
            self.element.drop(packet, reason)
            return NULL
        self.completed += 1
        return packet

    cdef bint begin(self, Segments *segments, Descriptor *packet) noexcept nogil:
        """Begin to cut a packet; 0 when it had to be dropped."""
        cdef int reason = segments_begin(segments, packet)
        if reason:
            segments.packet = NULL
            self.element.drop(packet, reason)
            return 0
        self.segmented += 1
        return 1

    cdef Descriptor *following(self, Segments *segments) noexcept nogil:
        """The next segment; NULL after the last one, when the packet has ended."""
        cdef Descriptor *segment = segments_next(segments, self.element.vcpu)
        cdef bint done = not segments_left(segments)
        if segment == NULL and not done:
            self.element.drop(segments.packet, DROP_NO_BUFFER)
        elif done:
            packet_consume(self.element.vcpu, segments.packet)
        if segment == NULL or done:
            segments.packet = NULL
        return segment

    cdef void flush(self, Batch *batch) noexcept nogil:
        if batch.count:
            self.target.push(self.target.object, self.target.port, batch)
            batch.count = 0

    cdef void push_batch(self, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Segments segments
        cdef Batch ready
        cdef Descriptor *packet
        cdef uint32_t i = 0, limit = self.element.vcpu.width
        while i < batch.count and not packet_offloaded(batch.packets[i]):
            i += 1
        if i == batch.count:
            self.target.push(self.target.object, self.target.port, batch)
            return
        ready.packets = pointers
        ready.count = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.gso_type == 0:
                packet = self.completed_packet(packet)
                segments.packet = NULL
            elif self.begin(&segments, packet):
                packet = self.following(&segments)
            else:
                continue
            while packet != NULL:
                pointers[ready.count] = packet
                ready.count += 1
                if ready.count >= limit:
                    self.flush(&ready)
                    ready.packets = pointers
                packet = self.following(&segments) if segments.packet != NULL else NULL
        self.flush(&ready)

    cdef void pull_batch(self, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t i, end = into.count + limit
        cdef Descriptor *packet
        while into.count < end:
            if self.segments.packet != NULL:
                packet = self.following(&self.segments)
            elif self.first != self.behind:
                packet = self.pending[self.first]
                self.first += 1
                if packet.gso_type:
                    self.begin(&self.segments, packet)
                    continue
                packet = self.completed_packet(packet)
            else:
                i = into.count
                self.target.pull(self.target.object, self.target.port, end - into.count, into)
                if into.count == i:
                    return
                while i < into.count and not packet_offloaded(into.packets[i]):
                    i += 1
                self.first = 0
                self.behind = into.count - i
                if self.behind:
                    memcpy(self.pending, into.packets + i, self.behind * sizeof(Descriptor *))
                into.count = i
                if self.behind == 0:
                    return
                continue
            if packet != NULL:
                into.packets[into.count] = packet
                into.count += 1


def bind_offload(Element element not None):
    """Put shims before the inputs of an element that cannot take offloaded packets, as its `offload` says; return them.

    Called once the graph is connected and initialised: an element may know only then what its device can do.
    """
    cdef int port
    cdef OffloadShim shim
    shims = []
    if element.offload == "any":
        return shims
    for port in range(element.n_inputs):
        if element.input_processing[port] == "l":
            shim = OffloadShim(element, element.offload != "checksum")
            shim.before_input(port)
            shims.append(shim)
            continue
        for source, output in element.router.feeding(element, port):
            shim = OffloadShim(element, element.offload != "checksum")
            shim.after_output(source, output)
            shims.append(shim)
    return shims
