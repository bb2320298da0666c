"""SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash, which nobody outside can foresee or steer."""

from libc.stdint cimport uint64_t


cdef inline uint64_t rotate_left(uint64_t value, int count) noexcept nogil:
    return value << count | value >> (64 - count)


cdef inline void sip_rounds(uint64_t *v, int count) noexcept nogil:
    for _ in range(count):
        v[0] += v[1]
        v[2] += v[3]
        v[1] = rotate_left(v[1], 13) ^ v[0]
        v[3] = rotate_left(v[3], 16) ^ v[2]
        v[0] = rotate_left(v[0], 32)
        v[2] += v[1]
        v[0] += v[3]
        v[1] = rotate_left(v[1], 17) ^ v[2]
        v[3] = rotate_left(v[3], 21) ^ v[0]
        v[2] = rotate_left(v[2], 32)


cdef inline uint64_t siphash_words(const uint64_t *key, const uint64_t *words, int count) noexcept nogil:
    """Of `count` words of eight bytes, under a key of two; the message's length is a multiple of eight bytes."""
    cdef uint64_t v[4]
    cdef uint64_t last = <uint64_t>(count * 8) << 56
    cdef int i
    v[0] = key[0] ^ <uint64_t>0x736f6d6570736575ULL
    v[1] = key[1] ^ <uint64_t>0x646f72616e646f6dULL
    v[2] = key[0] ^ <uint64_t>0x6c7967656e657261ULL
    v[3] = key[1] ^ <uint64_t>0x7465646279746573ULL
    for i in range(count):
        v[3] ^= words[i]
        sip_rounds(v, 2)
        v[0] ^= words[i]
    v[3] ^= last
    sip_rounds(v, 2)
    v[0] ^= last
    v[2] ^= 0xFF
    sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
