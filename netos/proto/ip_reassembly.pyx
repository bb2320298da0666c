"""Datagrams to this host put together from fragments (RFC 791 section 3.2, RFC 1122 section 3.3.2).

At most 256 datagrams and fragments are kept at a time, for half a minute each, as Linux does (RFC 1122 would have one
to two). When there is no more room the oldest makes way, or that of the sender himself who has a quarter of it.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from netos.checksum cimport checksum_ip
from netos.packet cimport (
    DROP_BAD_FRAGMENT, DROP_FRAGMENT_OVERLAP, DROP_FRAGMENT_TIMEOUT, DROP_NO_BUFFER, DROP_REASSEMBLY_FULL, HEADROOM,
    Descriptor, packet_consume, packet_create, packet_network, packet_set_network,
)
from netos.proto.deadlines cimport Deadline, deadline_init, deadline_set
from netos.proto.fragments cimport (
    FRAGMENT_KEPT, FRAGMENT_LAST, FRAGMENT_ROOMLESS, FRAGMENT_SPOILT, NOTHING, Datagram, datagram_end, datagram_find,
    fragment_add, fragment_take, fragments_free, fragments_init,
)
from netos.proto.host cimport (
    IP_FRAGMENTS, IP_NO_BUFFER, IP_REASSEMBLED, IP_REASSEMBLY_FAILS, Host, host_discard, host_drop,
)
from netos.proto.icmp cimport ICMP_TIME_EXCEEDED, ICMP_TIME_EXCEEDED_REASSEMBLY
from netos.proto.icmp_host cimport icmp_error
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_FRAGMENT, IP_AT_TOS, IP_AT_TOTAL_LENGTH, IP_ECN_CE, IP_ECN_MASK, IP_MAXIMUM_LENGTH,
    IP_MORE_FRAGMENTS, ip_fragment, ip_fragment_offset, ip_header_length, ip_source,
)
from netos.wire cimport store_be16

cdef enum:
    DATAGRAMS = 256
    SHARE = DATAGRAMS // 4      # of one sender, when there is no more room

cdef int64_t PATIENCE = <int64_t>30 * 1000000000


cdef int reassembly_init(Reassembly *reassembly, Host *host) except -1:
    reassembly.host = host
    deadline_init(&reassembly.timer, expire, reassembly)
    if not fragments_init(&reassembly.fragments, DATAGRAMS, <uint32_t>host.secret[0]):
        raise MemoryError("no memory for fragments")
    return 0


cdef void forget(Reassembly *reassembly, uint32_t number, bint tell) noexcept nogil:
    """Give up a datagram; its sender is told if the first fragment is there (RFC 1122 section 3.3.2)."""
    cdef uint32_t start = 0, end = 0
    cdef Descriptor *piece
    while True:
        piece = fragment_take(&reassembly.fragments, number, &start, &end)
        if piece == NULL:
            break
        if start == 0 and tell:
            icmp_error(reassembly.host, piece, ICMP_TIME_EXCEEDED, ICMP_TIME_EXCEEDED_REASSEMBLY, 0)
        host_discard(reassembly.host, piece, DROP_FRAGMENT_TIMEOUT if tell else DROP_REASSEMBLY_FULL)
    datagram_end(&reassembly.fragments, number)
    reassembly.host.counts[IP_REASSEMBLY_FAILS] += 1


cdef void expire(Deadline *deadline) noexcept nogil:
    cdef Reassembly *reassembly = <Reassembly *>deadline.object
    cdef uint32_t oldest = reassembly.fragments.oldest
    while oldest != <uint32_t>NOTHING and reassembly.fragments.datagrams[oldest].due <= reassembly.host.now:
        forget(reassembly, oldest, 1)
        oldest = reassembly.fragments.oldest
    if oldest != <uint32_t>NOTHING:
        deadline_set(&reassembly.host.deadlines, deadline, reassembly.fragments.datagrams[oldest].due)


cdef bint make_room(Reassembly *reassembly, uint32_t sender, uint32_t spared) noexcept nogil:
    """Give up one datagram for a fragment of a sender, but not its own, `spared`; 0: there is no other."""
    cdef uint32_t number = reassembly.fragments.oldest, own = NOTHING, held = 0
    cdef const Datagram *datagram
    while number != <uint32_t>NOTHING and held < SHARE:
        datagram = &reassembly.fragments.datagrams[number]
        if datagram.source == sender:
            own = number if own == <uint32_t>NOTHING else own
            held += max(datagram.count, <uint32_t>1)
        number = datagram.newer
    if held < SHARE:
        own = reassembly.fragments.oldest
        if own == spared:
            own = reassembly.fragments.datagrams[own].newer
    if own == spared or own == <uint32_t>NOTHING:
        return 0
    forget(reassembly, own, 0)
    return 1


cdef void reassembly_free(Reassembly *reassembly) noexcept nogil:
    while reassembly.fragments.datagrams != NULL and reassembly.fragments.oldest != <uint32_t>NOTHING:
        forget(reassembly, reassembly.fragments.oldest, 0)
    fragments_free(&reassembly.fragments)


cdef Descriptor *reassemble(Reassembly *reassembly, Descriptor *packet) noexcept nogil:
    """Take a fragment, which is given away; the whole datagram when it was the last one missing, else NULL."""
    cdef Host *host = reassembly.host
    cdef const uint8_t *ip = packet_network(packet)
    cdef uint32_t start = ip_fragment_offset(ip), header = ip_header_length(ip)
    cdef uint32_t length = <uint32_t>(packet.data + packet.length - ip) - header
    cdef bint more = ip_fragment(ip) & IP_MORE_FRAGMENTS != 0
    cdef uint32_t number
    cdef int became
    host.counts[IP_FRAGMENTS] += 1
    if length == 0 or more and length & 7 or start + length + header > IP_MAXIMUM_LENGTH:
        host_drop(host, packet, IP_REASSEMBLY_FAILS)
        return NULL
    number = datagram_find(&reassembly.fragments, ip, host.now + PATIENCE)
    if number == <uint32_t>NOTHING:
        make_room(reassembly, ip_source(ip), NOTHING)
        number = datagram_find(&reassembly.fragments, ip, host.now + PATIENCE)
    if reassembly.timer.place < 0:
        deadline_set(&host.deadlines, &reassembly.timer, host.now + PATIENCE)
    became = fragment_add(&reassembly.fragments, number, packet, start, start + length, more)
    while became == FRAGMENT_ROOMLESS and make_room(reassembly, ip_source(ip), number):
        became = fragment_add(&reassembly.fragments, number, packet, start, start + length, more)
    if became == FRAGMENT_LAST:
        return join(reassembly, number)
    if became == FRAGMENT_ROOMLESS:
        host_discard(host, packet, DROP_REASSEMBLY_FULL)
    elif became != FRAGMENT_KEPT:
        host_discard(host, packet, DROP_FRAGMENT_OVERLAP if became == FRAGMENT_SPOILT else DROP_BAD_FRAGMENT)
    if became == FRAGMENT_SPOILT:
        release_pieces(reassembly, number)
    return NULL


cdef void release_pieces(Reassembly *reassembly, uint32_t number) noexcept nogil:
    """Overlapping fragments spoil their datagram; it is remembered, so that what still comes is refused, too."""
    cdef uint32_t start = 0, end = 0
    cdef Descriptor *piece
    while True:
        piece = fragment_take(&reassembly.fragments, number, &start, &end)
        if piece == NULL:
            return
        host_discard(reassembly.host, piece, DROP_FRAGMENT_OVERLAP)


cdef Descriptor *join(Reassembly *reassembly, uint32_t number) noexcept nogil:
    """All pieces in one packet that begins with the IP header; NULL when no buffer can be had."""
    cdef Host *host = reassembly.host
    cdef uint32_t total = reassembly.fragments.datagrams[number].end, start = 0, end = 0, header
    cdef Descriptor *whole = NULL
    cdef Descriptor *piece
    cdef uint8_t *ip
    cdef bint congested = 0
    while True:
        piece = fragment_take(&reassembly.fragments, number, &start, &end)
        if piece == NULL:
            break
        ip = packet_network(piece)
        congested |= ip[IP_AT_TOS] & IP_ECN_MASK == IP_ECN_CE
        header = ip_header_length(ip)
        if start == 0:
            if header + total <= IP_MAXIMUM_LENGTH:
                whole = packet_create(host.vcpu, HEADROOM, header + total)
            if whole != NULL:
                whole.packet_type = piece.packet_type
                memcpy(whole.data, ip, header)
                packet_set_network(whole, whole.data, header)
        if whole != NULL:
            memcpy(whole.buffer + whole.transport_header + start, ip + header, end - start)
        if whole != NULL:
            packet_consume(host.vcpu, piece)
        else:
            host_discard(host, piece, DROP_NO_BUFFER)
    datagram_end(&reassembly.fragments, number)
    if whole == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return NULL
    if congested and whole.data[IP_AT_TOS] & IP_ECN_MASK:
        whole.data[IP_AT_TOS] |= IP_ECN_CE                  # RFC 3168 section 5.3
    store_be16(whole.data + IP_AT_TOTAL_LENGTH, <uint16_t>whole.length)
    store_be16(whole.data + IP_AT_FRAGMENT, 0)
    store_be16(whole.data + IP_AT_CHECKSUM, 0)
    store_be16(whole.data + IP_AT_CHECKSUM, checksum_ip(whole.data, <uint32_t>(
        whole.transport_header - whole.network_header)))
    host.counts[IP_REASSEMBLED] += 1
    return whole
