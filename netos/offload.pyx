"""What a network card does for its driver, in software: completing partial checksums, and segmentation.

Partial checksums are those of virtio 1.2, section 5.1.6.2. TCP is cut as Linux cuts it: the identification counts up,
FIN and PSH are the last segment's, CWR the first one's.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.checksum cimport (
    checksum_finish, checksum_ip, checksum_nonzero, checksum_partial, checksum_pseudo_ip, checksum_pseudo_ip6,
)
from netos.packet cimport (
    DROP_BAD_OFFLOAD, DROP_NO_BUFFER, GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, HEADROOM, NO_HEADER,
    VIRTIO_NEEDS_CHECKSUM, Descriptor, Vcpu, packet_create, packet_headroom, packet_writable,
)
from netos.packet_handle cimport Packet, packet_wrap
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH, ETHERTYPE_QINQ, ETHERTYPE_VLAN, VLAN_TAG_LENGTH
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_IDENTIFICATION, IP_AT_TOTAL_LENGTH, IP_HEADER_LENGTH, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP,
    ip_header_length, ip_identification,
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
