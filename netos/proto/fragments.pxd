"""Datagrams of which fragments have come; see fragments.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from netos.packet cimport Descriptor


cdef enum:                      # what became of a fragment
    FRAGMENT_KEPT
    FRAGMENT_LAST               # its datagram is complete
    FRAGMENT_SPOILT             # it contradicts others: its datagram will never be
    FRAGMENT_AGAIN              # a repetition, or of a datagram that is spoilt
    FRAGMENT_ROOMLESS           # the table of fragments is full

cdef enum:
    NOTHING = 0xFFFFFFFF        # no datagram, no piece
    PIECES_MAX = 256            # fragments of one datagram


cdef struct Piece:
    Descriptor *packet
    uint32_t start              # in the datagram's payload
    uint32_t end
    uint32_t next               # by `start`; or among the free ones


cdef struct Datagram:
    uint32_t source
    uint32_t destination
    uint16_t identification
    uint8_t protocol
    uint8_t spoilt
    uint32_t pieces             # the first one
    uint32_t last
    uint32_t count
    uint32_t have               # bytes of payload
    uint32_t end                # where it ends, once the last fragment has come; NOTHING
    uint32_t largest            # fragment, with its header
    uint32_t next               # in its hash chain; or among the free ones
    uint32_t older
    uint32_t newer
    int64_t due                 # when to give up


cdef struct Fragments:
    Datagram *datagrams
    Piece *pieces
    uint32_t *chains
    uint32_t capacity           # datagrams, and pieces
    uint32_t mask
    uint32_t free
    uint32_t free_piece
    uint32_t oldest
    uint32_t newest
    uint32_t count
    uint32_t held               # pieces
    uint32_t seed


cdef bint fragments_init(Fragments *fragments, uint32_t capacity, uint32_t seed) noexcept nogil
cdef void fragments_free(Fragments *fragments) noexcept nogil
cdef uint32_t datagram_find(Fragments *fragments, const uint8_t *ip, int64_t due) noexcept nogil
cdef void datagram_end(Fragments *fragments, uint32_t number) noexcept nogil
cdef int fragment_add(Fragments *fragments, uint32_t number, Descriptor *packet, uint32_t start, uint32_t end,
                      bint more) noexcept nogil
cdef Descriptor *fragment_take(Fragments *fragments, uint32_t number, uint32_t *start, uint32_t *end) noexcept nogil
