"""Mutations of frames; see mutate.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.fuzz.chance cimport Chance


cdef struct Corpus:             # frames that were written by somebody who knew the protocol
    uint8_t **frames
    uint32_t *lengths
    uint32_t count


cdef uint32_t mutate(Chance *chance, uint8_t *frame, uint32_t length, const Corpus *corpus) noexcept nogil
cdef uint32_t tcp_add_options(Chance *chance, uint8_t *frame, uint32_t length) noexcept nogil
