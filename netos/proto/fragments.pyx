"""Fragments waiting for the rest of their datagrams, in memory taken at the start (RFC 791 section 3.2, RFC 815).

Fragments never overlap here: one that does spoils its datagram, which keeps its place without fragments, so that those
still to come are refused too (RFC 5722's rule for IPv6, and what RFC 1858 asks of filters).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from netos.packet cimport Descriptor
from netos.proto.ipv4 cimport IP_AT_PROTOCOL, ip_destination, ip_identification, ip_source


cdef bint fragments_init(Fragments *fragments, uint32_t capacity, uint32_t seed) noexcept nogil:
    """Room for as many datagrams and fragments; 0 if there is no memory."""
    cdef uint32_t i
    memset(fragments, 0, sizeof(Fragments))
    fragments.capacity, fragments.seed = capacity, seed | 1
    fragments.mask = 1
    while fragments.mask < capacity:
        fragments.mask <<= 1
    fragments.datagrams = <Datagram *>calloc(capacity, sizeof(Datagram))
    fragments.pieces = <Piece *>calloc(capacity, sizeof(Piece))
    fragments.chains = <uint32_t *>calloc(fragments.mask, sizeof(uint32_t))
    if fragments.datagrams == NULL or fragments.pieces == NULL or fragments.chains == NULL:
        fragments_free(fragments)
        return 0
    for i in range(fragments.mask):
        fragments.chains[i] = NOTHING
    for i in range(capacity):
        fragments.datagrams[i].next = fragments.pieces[i].next = i + 1 if i + 1 < capacity else <uint32_t>NOTHING
    fragments.mask -= 1
    fragments.oldest = fragments.newest = NOTHING
    return 1


cdef void fragments_free(Fragments *fragments) noexcept nogil:
    """Give the memory back; whoever calls has taken the packets."""
    free(fragments.datagrams)
    free(fragments.pieces)
    free(fragments.chains)
    memset(fragments, 0, sizeof(Fragments))


cdef uint32_t *chain_of(Fragments *fragments, uint32_t source, uint32_t destination, uint32_t rest) noexcept nogil:
    cdef uint32_t hashed = (source ^ fragments.seed) * <uint32_t>2654435761U
    hashed = (hashed ^ hashed >> 15 ^ destination) * <uint32_t>2246822519U
    hashed = (hashed ^ hashed >> 13 ^ rest) * fragments.seed
    return &fragments.chains[(hashed ^ hashed >> 16) & fragments.mask]


cdef uint32_t datagram_find(Fragments *fragments, const uint8_t *ip, int64_t due) noexcept nogil:
    """The datagram that a fragment belongs to, made if it is not there; NOTHING if no place is free."""
    cdef uint32_t source = ip_source(ip)
    cdef uint32_t destination = ip_destination(ip)
    cdef uint32_t rest = <uint32_t>ip_identification(ip) << 8 | ip[IP_AT_PROTOCOL]
    cdef uint32_t *chain = chain_of(fragments, source, destination, rest)
    cdef uint32_t number = chain[0]
    cdef Datagram *datagram
    while number != <uint32_t>NOTHING:
        datagram = &fragments.datagrams[number]
        if (datagram.source == source and datagram.destination == destination
                and (<uint32_t>datagram.identification << 8 | datagram.protocol) == rest):
            return number
        number = datagram.next
    number = fragments.free
    if number == <uint32_t>NOTHING:
        return number
    datagram = &fragments.datagrams[number]
    fragments.free = datagram.next
    memset(datagram, 0, sizeof(Datagram))
    datagram.source, datagram.destination = source, destination
    datagram.identification, datagram.protocol = ip_identification(ip), ip[IP_AT_PROTOCOL]
    datagram.pieces = datagram.last = datagram.end = NOTHING
    datagram.due = due
    datagram.next = chain[0]
    chain[0] = number
    datagram.older, datagram.newer = fragments.newest, NOTHING
    if fragments.newest != <uint32_t>NOTHING:
        fragments.datagrams[fragments.newest].newer = number
    else:
        fragments.oldest = number
    fragments.newest = number
    fragments.count += 1
    return number


cdef void datagram_end(Fragments *fragments, uint32_t number) noexcept nogil:
    """Forget a datagram whose pieces have been taken."""
    cdef Datagram *datagram = &fragments.datagrams[number]
    cdef uint32_t *at = chain_of(fragments, datagram.source, datagram.destination,
                                 <uint32_t>datagram.identification << 8 | datagram.protocol)
    while at[0] != number:
        at = &fragments.datagrams[at[0]].next
    at[0] = datagram.next
    if datagram.older != <uint32_t>NOTHING:
        fragments.datagrams[datagram.older].newer = datagram.newer
    else:
        fragments.oldest = datagram.newer
    if datagram.newer != <uint32_t>NOTHING:
        fragments.datagrams[datagram.newer].older = datagram.older
    else:
        fragments.newest = datagram.older
    datagram.next = fragments.free
    fragments.free = number
    fragments.count -= 1


cdef int fragment_add(Fragments *fragments, uint32_t number, Descriptor *packet, uint32_t start, uint32_t end,
                      bint more) noexcept nogil:
    """Keep the payload from `start` to `end` of a datagram, in `packet`: what becomes of it, FRAGMENT_…"""
    cdef Datagram *datagram = &fragments.datagrams[number]
    cdef uint32_t before = NOTHING
    cdef uint32_t after = datagram.pieces
    cdef Piece *piece
    cdef uint32_t made
    if datagram.spoilt:
        return FRAGMENT_AGAIN
    if datagram.last != <uint32_t>NOTHING and fragments.pieces[datagram.last].end <= start:
        before, after = datagram.last, NOTHING
    while after != <uint32_t>NOTHING and fragments.pieces[after].start < start:
        before, after = after, fragments.pieces[after].next
    if after != <uint32_t>NOTHING and fragments.pieces[after].start == start and fragments.pieces[after].end == end \
            and more == (datagram.end != end):
        return FRAGMENT_AGAIN
    if ((before != <uint32_t>NOTHING and fragments.pieces[before].end > start)
            or (after != <uint32_t>NOTHING and fragments.pieces[after].start < end)
            or (datagram.end != <uint32_t>NOTHING and (not more or end > datagram.end))
            or (not more and after != <uint32_t>NOTHING) or datagram.count == PIECES_MAX):
        datagram.spoilt = 1
        return FRAGMENT_SPOILT
    made = fragments.free_piece
    if made == <uint32_t>NOTHING:
        return FRAGMENT_ROOMLESS
    piece = &fragments.pieces[made]
    fragments.free_piece = piece.next
    piece.packet, piece.start, piece.end, piece.next = packet, start, end, after
    if before != <uint32_t>NOTHING:
        fragments.pieces[before].next = made
    else:
        datagram.pieces = made
    if after == <uint32_t>NOTHING:
        datagram.last = made
    if not more:
        datagram.end = end
    datagram.count += 1
    datagram.have += end - start
    fragments.held += 1
    return FRAGMENT_LAST if datagram.have == datagram.end else FRAGMENT_KEPT


cdef Descriptor *fragment_take(Fragments *fragments, uint32_t number, uint32_t *start, uint32_t *end) noexcept nogil:
    """Take the first piece out of a datagram; NULL when there is none left."""
    cdef Datagram *datagram = &fragments.datagrams[number]
    cdef uint32_t taken = datagram.pieces
    cdef Piece *piece
    if taken == <uint32_t>NOTHING:
        datagram.last = NOTHING
        return NULL
    piece = &fragments.pieces[taken]
    datagram.pieces = piece.next
    start[0], end[0] = piece.start, piece.end
    piece.next = fragments.free_piece
    fragments.free_piece = taken
    fragments.held -= 1
    return piece.packet
