"""Random numbers by a seed: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine."""

from libc.stdint cimport uint32_t, uint64_t


cdef struct Chance:
    uint64_t state


cdef inline uint64_t draw(Chance *chance) noexcept nogil:
    cdef uint64_t word
    chance.state += <uint64_t>0x9E3779B97F4A7C15ULL
    word = chance.state
    word = (word ^ (word >> 30)) * <uint64_t>0xBF58476D1CE4E5B9ULL
    word = (word ^ (word >> 27)) * <uint64_t>0x94D049BB133111EBULL
    return word ^ (word >> 31)


cdef inline uint32_t below(Chance *chance, uint32_t limit) noexcept nogil:
    """A number less than `limit`; 0 for a limit of 0."""
    return <uint32_t>((draw(chance) >> 32) * limit >> 32)


cdef inline bint one_in(Chance *chance, uint32_t count) noexcept nogil:
    return below(chance, count) == 0
