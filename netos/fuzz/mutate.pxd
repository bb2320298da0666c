"""Mutations of frames; see mutate.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.fuzz.chance cimport Chance


cdef struct Corpus:             # frames that were written by somebody who knew the protocol
    uint8_t **frames
    uint32_t *lengths
    uint32_t count


cdef int corpus_fill(Corpus *corpus, object frames) except -1
cdef void corpus_free(Corpus *corpus) noexcept nogil
cdef uint32_t mutate(Chance *chance, uint8_t *frame, uint32_t length, const Corpus *corpus) noexcept nogil
cdef uint32_t fragment_of(const uint8_t *frame, uint32_t length, uint32_t where, bint second, bint overlap,
                          uint32_t number, uint8_t *into) noexcept nogil
cdef uint32_t tcp_add_options(Chance *chance, uint8_t *frame, uint32_t length) noexcept nogil
