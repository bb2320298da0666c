"""Mutations of frames: bits, bytes, lengths and splices anywhere; values that hurt where a protocol has a field.

Every function takes a frame of `length` bytes in a buffer of FRAME_MAX and returns how long it is now.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove

from netos.fuzz.chance cimport Chance, below, draw, one_in
from netos.fuzz.frame cimport FRAME_MAX, Parts, mend, parts_find
from netos.wire cimport load_be16, load_be32, store_be16, store_be32

cdef uint32_t[20] EDGES = [
    0, 1, 2, 4, 5, 7, 8, 15, 19, 20, 28, 40, 60, 127, 255, 256, 1460, 0x7FFF, 0xFFFF, 0x2000]
cdef uint32_t[16] STEPS = [
    0, 1, 2, 4, 8, 100, 536, 1460, 4096, 16384, 65535, 65536, 0x100000, 0x7FFFFFFF, 0x80000000U, 0x40000000]
cdef uint32_t[10] ADDRESSES = [
    0, 0xFFFFFFFFU, 0x0A000001, 0x0A000002, 0x0A0000FF, 0x0A000003, 0x7F000001, 0xE0000001U, 0xC0000201U, 0x0A000000]
cdef uint8_t[10] TCP_FLAGS = [0x00, 0x02, 0x12, 0x04, 0x14, 0x01, 0x11, 0x3F, 0xFF, 0x29]
cdef uint8_t[10] OPTION_KINDS = [0, 1, 2, 3, 4, 5, 8, 19, 29, 254]
cdef uint8_t[10] OPTION_SIZES = [0, 1, 2, 3, 4, 9, 10, 18, 34, 255]
cdef uint8_t[12] IP_OPTIONS = [0, 1, 7, 68, 130, 131, 133, 136, 137, 148, 7, 20]

cdef uint8_t[6] PROTOCOLS = [1, 6, 17, 41, 4, 2]
cdef uint8_t[10] ICMP_TYPES = [0, 3, 4, 5, 8, 11, 12, 13, 17, 255]


cdef int corpus_fill(Corpus *corpus, object frames) except -1:
    """Copy frames, bytes each, into an empty corpus."""
    cdef bytes content
    cdef uint32_t size
    corpus.frames = <uint8_t **>calloc(max(len(frames), 1), sizeof(uint8_t *))
    corpus.lengths = <uint32_t *>calloc(max(len(frames), 1), sizeof(uint32_t))
    if corpus.frames == NULL or corpus.lengths == NULL:
        raise MemoryError("no memory for the frames to begin with")
    for content in frames:
        size = <uint32_t>min(len(content), FRAME_MAX)
        corpus.frames[corpus.count] = <uint8_t *>malloc(max(size, 1))
        if corpus.frames[corpus.count] == NULL:
            raise MemoryError("no memory for the frames to begin with")
        memcpy(corpus.frames[corpus.count], <const char *>content, size)
        corpus.lengths[corpus.count] = size
        corpus.count += 1
    return 0


cdef void corpus_free(Corpus *corpus) noexcept nogil:
    cdef uint32_t i
    for i in range(corpus.count):
        free(corpus.frames[i])
    free(corpus.frames)
    free(corpus.lengths)


cdef uint32_t edge(Chance *chance) noexcept nogil:
    """A number where comparisons go wrong, or near it."""
    cdef uint32_t value = EDGES[below(chance, 20)]
    if one_in(chance, 4):
        value += below(chance, 5) - 2
    return value if not one_in(chance, 6) else <uint32_t>draw(chance)


cdef uint32_t moved(Chance *chance, uint32_t value) noexcept nogil:
    """A sequence number a step before or behind another."""
    cdef uint32_t step = STEPS[below(chance, 16)]
    if one_in(chance, 4):
        step += below(chance, 5) - 2
    return value - step if one_in(chance, 2) else value + step


cdef uint32_t insert(Chance *chance, uint8_t *frame, uint32_t length, uint32_t at, uint32_t count) noexcept nogil:
    """Make room for random bytes."""
    cdef uint32_t i
    if at > length or length + count > FRAME_MAX:
        return length
    memmove(frame + at + count, frame + at, length - at)
    for i in range(count):
        frame[at + i] = <uint8_t>draw(chance)
    return length + count


cdef uint32_t mutate_bytes(Chance *chance, uint8_t *frame, uint32_t length, const Corpus *corpus) noexcept nogil:
    """What needs no knowledge of a protocol."""
    cdef uint32_t way = below(chance, 11), at = below(chance, length), count, other, take_from
    if way < 3:
        frame[at] ^= <uint8_t>(1 << below(chance, 8))
    elif way == 3:
        frame[at] = <uint8_t>edge(chance)
    elif way == 4 and at + 2 <= length:
        store_be16(frame + at, <uint16_t>edge(chance))
    elif way == 5 and at + 4 <= length:
        store_be32(frame + at, edge(chance))
    elif way == 6:
        return max(at, 1) if one_in(chance, 3) else max(length - below(chance, 24), 1) if length > 24 else length
    elif way == 7:
        return insert(chance, frame, length, at, below(chance, 64))
    elif way == 8 and length > at + 1:
        count = min(1 + below(chance, 16), length - at - 1)
        memmove(frame + at, frame + at + count, length - at - count)
        return length - count
    elif way == 9 and corpus.count:
        other = below(chance, corpus.count)
        take_from = below(chance, corpus.lengths[other])
        count = min(1 + below(chance, corpus.lengths[other] - take_from), <uint32_t>FRAME_MAX - at)
        memcpy(frame + at, corpus.frames[other] + take_from, count)
        return max(length, at + count)
    elif way == 10:
        count = min(1 + below(chance, 64), length - at)
        if length + count <= FRAME_MAX:
            memmove(frame + at + count, frame + at, length - at)
            return length + count
    return length


cdef uint32_t mutate_ip(Chance *chance, uint8_t *frame, uint32_t length, const Parts *parts) noexcept nogil:
    cdef uint8_t *ip = frame + parts.ip
    cdef uint32_t way = below(chance, 12), count
    if way == 0:
        store_be16(ip + 2, <uint16_t>(load_be16(ip + 2) + below(chance, 64) - 32))
    elif way == 1:
        store_be16(ip + 2, <uint16_t>edge(chance))
    elif way == 2:
        ip[0] = <uint8_t>(0x40 | below(chance, 16)) if not one_in(chance, 8) else <uint8_t>draw(chance)
    elif way < 5:
        store_be16(ip + 6, <uint16_t>(below(chance, 8) << 13 | (edge(chance) & 0x1FFF)))
    elif way == 5:
        store_be16(ip + 6, <uint16_t>(below(chance, 2) << 13 | below(chance, 6)))
        store_be16(ip + 4, <uint16_t>below(chance, 4))          # of few datagrams, so that pieces meet
    elif way == 6:
        ip[8] = <uint8_t>edge(chance)
    elif way == 7:
        ip[9] = <uint8_t>edge(chance) if one_in(chance, 2) else PROTOCOLS[below(chance, 6)]
    elif way == 8:
        store_be32(ip + 12, ADDRESSES[below(chance, 10)])
    elif way == 9:
        store_be32(ip + 16, ADDRESSES[below(chance, 10)])
    elif way == 10:
        ip[1] = <uint8_t>draw(chance)
    elif ip[0] & 15 >= 5 and ip[0] & 15 < 15:                   # an option more
        count = min(1 + below(chance, 10), 15 - <uint32_t>(ip[0] & 15)) * 4
        length = insert(chance, frame, length, parts.ip + 20, count)
        ip[20] = IP_OPTIONS[below(chance, 12)]
        ip[21] = <uint8_t>(count if one_in(chance, 2) else edge(chance))
        ip[22] = <uint8_t>(4 if one_in(chance, 2) else edge(chance))
        ip[0] += <uint8_t>(count // 4)
        store_be16(ip + 2, <uint16_t>(load_be16(ip + 2) + count))
    return length


cdef uint32_t tcp_add_options(Chance *chance, uint8_t *frame, uint32_t length) noexcept nogil:
    """Options of random kinds and sizes in front of those there are."""
    cdef Parts parts
    cdef uint8_t *tcp
    cdef uint32_t count, at = 0, size
    parts_find(&parts, frame, length)
    if parts.transport == 0 or parts.transport + 20 > length:
        return length
    tcp = frame + parts.transport
    count = min(1 + below(chance, 10), 15 - <uint32_t>(tcp[12] >> 4)) * 4
    if length + count > FRAME_MAX or count == 0:
        return length
    length = insert(chance, frame, length, parts.transport + 20, count)
    while at < count:
        tcp[20 + at] = OPTION_KINDS[below(chance, 10)]
        size = OPTION_SIZES[below(chance, 10)]
        if at + 1 < count and tcp[20 + at] > 1:
            tcp[21 + at] = <uint8_t>size
        if tcp[20 + at] == 5 and parts.transport + 24 + at <= length and at + 10 <= count:   # blocks near our window
            store_be32(tcp + 22 + at, moved(chance, load_be32(tcp + 8)))
            store_be32(tcp + 26 + at, moved(chance, load_be32(tcp + 8)))
        at += max(size, 1) if tcp[20 + at] > 1 else 1
    tcp[12] += <uint8_t>(count // 4 << 4)
    return length


cdef uint32_t mutate_tcp(Chance *chance, uint8_t *frame, uint32_t length, const Parts *parts) noexcept nogil:
    cdef uint8_t *tcp = frame + parts.transport
    cdef uint32_t way = below(chance, 14)
    if way < 3:
        store_be32(tcp + 4, moved(chance, load_be32(tcp + 4)))
    elif way < 6:
        store_be32(tcp + 8, moved(chance, load_be32(tcp + 8)))
    elif way == 6:
        tcp[13] = TCP_FLAGS[below(chance, 10)]
    elif way == 7:
        tcp[13] ^= <uint8_t>(1 << below(chance, 8))
    elif way == 8:
        store_be16(tcp + 14, <uint16_t>edge(chance))
    elif way == 9:
        store_be16(tcp + 18, <uint16_t>edge(chance))
        tcp[13] |= 0x20
    elif way == 10:
        tcp[12] = <uint8_t>(below(chance, 16) << 4 | (tcp[12] & 15))
    elif way == 11:
        store_be16(tcp + 2 * below(chance, 2), <uint16_t>edge(chance))
    elif way == 12:
        return tcp_add_options(chance, frame, length)
    elif length > parts.transport + 32:                         # among the options there are
        tcp[20 + below(chance, 12)] = <uint8_t>edge(chance)
    return length


cdef uint32_t mutate_message(Chance *chance, uint8_t *frame, uint32_t length, const Parts *parts) noexcept nogil:
    """The fields of ICMP and UDP headers, and of what ICMP quotes."""
    cdef uint8_t *at = frame + parts.transport
    cdef uint32_t way = below(chance, 6)
    if parts.protocol == 1:
        if way < 2:
            at[0] = ICMP_TYPES[below(chance, 10)]
        elif way == 2:
            at[1] = <uint8_t>below(chance, 17)
        elif way == 3:
            store_be16(at + 6, <uint16_t>edge(chance))
        elif way == 4 and length > parts.transport + 10:
            at[8] = <uint8_t>draw(chance)                       # version and header length of the quoted packet
        elif length > parts.transport + 36:
            at[8 + below(chance, 28)] = <uint8_t>edge(chance)
    elif way < 3:
        store_be16(at + 4, <uint16_t>edge(chance))
    elif way == 3:
        store_be16(at + 2 * below(chance, 2), <uint16_t>edge(chance))
    elif length > parts.transport + 8:                          # a count or a length of what it carries
        at[8 + below(chance, min(length - parts.transport - 8, 64))] = <uint8_t>edge(chance)
    return length


cdef uint32_t mutate(Chance *chance, uint8_t *frame, uint32_t length, const Corpus *corpus) noexcept nogil:
    """One mutation, seldom up to four; afterwards checksums and lengths are mostly right again."""
    cdef Parts parts
    cdef uint32_t times = 1 + below(chance, 4) * one_in(chance, 4), before = length
    cdef bint tell = 0
    for _ in range(times):
        parts_find(&parts, frame, length)
        if parts.transport and parts.transport + 20 <= length and parts.protocol == 6 and not one_in(chance, 4):
            length = mutate_tcp(chance, frame, length, &parts)
        elif parts.transport and parts.transport + 8 <= length and parts.protocol in (1, 17) and one_in(chance, 2):
            length = mutate_message(chance, frame, length, &parts)
        elif parts.ip and one_in(chance, 2):
            length = mutate_ip(chance, frame, length, &parts)
        else:
            length = mutate_bytes(chance, frame, length, corpus)
    tell = length != before and not one_in(chance, 4)
    if not one_in(chance, 8):
        mend(frame, length, tell)
    return length


cdef uint32_t fragment_of(const uint8_t *frame, uint32_t length, uint32_t where, bint second, bint overlap,
                          uint32_t number, uint8_t *into) noexcept nogil:
    """The first or second fragment of a packet that is cut somewhere; its length, 0: there is nothing to cut."""
    cdef Parts parts
    cdef uint32_t cut, start = 0, end
    parts_find(&parts, frame, length)
    if parts.transport == 0 or parts.end < parts.transport + 16:
        return 0
    cut = 8 * (1 + where % ((parts.end - parts.transport) // 8))
    end = min(cut, parts.end - parts.transport)
    if second:
        start = cut - 8 if overlap else cut
        end = parts.end - parts.transport
        if start >= end:
            return 0
    memcpy(into, frame, parts.transport)
    memcpy(into + parts.transport, frame + parts.transport + start, end - start)
    store_be16(into + parts.ip + 4, <uint16_t>number)
    store_be16(into + parts.ip + 6, <uint16_t>(start >> 3 | (0 if second else 0x2000)))
    mend(into, parts.transport + end - start, 1)
    return parts.transport + end - start
