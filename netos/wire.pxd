"""Integers in the byte order of the wire, loaded and stored at any alignment (RFC 791 appendix B: big-endian).

Each is a memcpy and a byte swap, which gcc turns into one instruction and the sanitizer accepts. `le` is for virtio and
files. Values are in host order on the Python side of every function.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from "<endian.h>" nogil:
    uint16_t be16toh(uint16_t)
    uint16_t htobe16(uint16_t)
    uint16_t le16toh(uint16_t)
    uint16_t htole16(uint16_t)
    uint32_t be32toh(uint32_t)
    uint32_t htobe32(uint32_t)
    uint32_t le32toh(uint32_t)
    uint32_t htole32(uint32_t)
    uint64_t be64toh(uint64_t)
    uint64_t htobe64(uint64_t)
    uint64_t le64toh(uint64_t)
    uint64_t htole64(uint64_t)

cdef extern from * nogil:
    uint16_t swap16 "__builtin_bswap16"(uint16_t)
    uint32_t swap32 "__builtin_bswap32"(uint32_t)
    uint64_t swap64 "__builtin_bswap64"(uint64_t)


cdef inline uint16_t load_be16(const uint8_t *at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return be16toh(value)


cdef inline uint32_t load_be24(const uint8_t *at) noexcept nogil:
    return <uint32_t>at[0] << 16 | <uint32_t>at[1] << 8 | at[2]


cdef inline uint32_t load_be32(const uint8_t *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return be32toh(value)


cdef inline uint64_t load_be48(const uint8_t *at) noexcept nogil:
    """Six bytes, such as an Ethernet address, as the low bits of an integer."""
    return <uint64_t>load_be32(at) << 16 | load_be16(at + 4)


cdef inline uint64_t load_be64(const uint8_t *at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return be64toh(value)


cdef inline void store_be16(uint8_t *at, uint16_t value) noexcept nogil:
    value = htobe16(value)
    memcpy(at, &value, 2)


cdef inline void store_be24(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 16)
    at[1] = <uint8_t>(value >> 8)
    at[2] = <uint8_t>value


cdef inline void store_be32(uint8_t *at, uint32_t value) noexcept nogil:
    value = htobe32(value)
    memcpy(at, &value, 4)


cdef inline void store_be48(uint8_t *at, uint64_t value) noexcept nogil:
    store_be32(at, <uint32_t>(value >> 16))
    store_be16(at + 4, <uint16_t>value)


cdef inline void store_be64(uint8_t *at, uint64_t value) noexcept nogil:
    value = htobe64(value)
    memcpy(at, &value, 8)


cdef inline uint16_t load_le16(const uint8_t *at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return le16toh(value)


cdef inline uint32_t load_le32(const uint8_t *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return le32toh(value)


cdef inline uint64_t load_le64(const uint8_t *at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return le64toh(value)


cdef inline void store_le16(uint8_t *at, uint16_t value) noexcept nogil:
    value = htole16(value)
    memcpy(at, &value, 2)


cdef inline void store_le32(uint8_t *at, uint32_t value) noexcept nogil:
    value = htole32(value)
    memcpy(at, &value, 4)


cdef inline void store_le64(uint8_t *at, uint64_t value) noexcept nogil:
    value = htole64(value)
    memcpy(at, &value, 8)


# Native order: for moving fields whose value does not matter, such as an address from a header into an annotation.

cdef inline uint16_t load16(const uint8_t *at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return value


cdef inline uint32_t load32(const uint8_t *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint64_t load64(const uint8_t *at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline void store16(uint8_t *at, uint16_t value) noexcept nogil:
    memcpy(at, &value, 2)


cdef inline void store32(uint8_t *at, uint32_t value) noexcept nogil:
    memcpy(at, &value, 4)


cdef inline void store64(uint8_t *at, uint64_t value) noexcept nogil:
    memcpy(at, &value, 8)
