"""SYN cookies (RFC 4987 section 3.6; Bernstein and Schenk, 1996): initial sequence numbers that only we can make.

The number holds, from the left, five bits of a clock of 64 seconds, three for one of eight segment sizes, and 24 of a
SipHash of the connection, the client's own number, the size and the whole clock. What has no room in it, window scale
and selective acknowledgments, is in the low six bits of our first timestamp, which the client echoes, as Linux has it:
a client without timestamps gets neither.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from netos.kernel.clock cimport NANOSECONDS
from netos.proto.flows cimport Tuple
from netos.proto.siphash cimport siphash_words
from netos.proto.tcp cimport (
    TCP_AT_OPTIONS, TCP_OPTION_END, TCP_OPTION_MSS, TCP_OPTION_NO_OPERATION, TCP_OPTION_SACK_PERMITTED,
    TCP_OPTION_TIMESTAMPS, TCP_OPTION_WINDOW_SCALE, tcp_header_length,
)
from netos.wire cimport load64, load_be16, load_be32, store_be16, store_be32

cdef enum:
    SIZES = 8
    SCALE_MAXIMUM = 14
    TICK = 64                   # seconds
    OLDEST = 1                  # ticks that a cookie may be old
    STAMP_OPTIONS = 63          # the low bits of a timestamp that are not time
    STAMP_SACK = 16

cdef uint16_t[SIZES] SEGMENT_SIZES = [256, 536, 1220, 1360, 1400, 1440, 1452, 1460]

cdef void offer_read(const uint8_t *tcp, uint32_t length, Offer *offer) noexcept nogil:
    """Read the options of a segment of which `length` bytes are there."""
    cdef uint32_t at = TCP_AT_OPTIONS
    cdef uint32_t end = min(tcp_header_length(tcp), length)
    cdef uint8_t kind, size
    memset(offer, 0, sizeof(Offer))
    offer.scale = NO_SCALE
    while at < end and tcp[at] != TCP_OPTION_END:
        if tcp[at] == TCP_OPTION_NO_OPERATION:
            at += 1
            continue
        if at + 2 > end or tcp[at + 1] < 2 or at + tcp[at + 1] > end:
            break
        kind, size = tcp[at], tcp[at + 1]
        if kind == TCP_OPTION_MSS and size == 4:
            offer.mss = load_be16(tcp + at + 2)
        elif kind == TCP_OPTION_WINDOW_SCALE and size == 3:
            offer.scale = min(tcp[at + 2], <uint8_t>SCALE_MAXIMUM)
        elif kind == TCP_OPTION_SACK_PERMITTED and size == 2:
            offer.sack = 1
        elif kind == TCP_OPTION_TIMESTAMPS and size == 10:
            offer.stamps = 1
            offer.stamp, offer.echo = load_be32(tcp + at + 2), load_be32(tcp + at + 6)
        at += size


cdef uint32_t offer_write(uint8_t *at, const Offer *offer) noexcept nogil:
    """Write options, at most 24 bytes; how many."""
    cdef uint32_t length = 0
    if offer.mss:
        at[0], at[1] = TCP_OPTION_MSS, 4
        store_be16(at + 2, offer.mss)
        length = 4
    if offer.sack:
        at[length], at[length + 1] = TCP_OPTION_SACK_PERMITTED, 2
        at[length + 2] = at[length + 3] = TCP_OPTION_NO_OPERATION
        length += 4
    if offer.stamps:
        at[length] = at[length + 1] = TCP_OPTION_NO_OPERATION
        at[length + 2], at[length + 3] = TCP_OPTION_TIMESTAMPS, 10
        store_be32(at + length + 4, offer.stamp)
        store_be32(at + length + 8, offer.echo)
        length += 12
    if offer.scale != NO_SCALE:
        at[length] = TCP_OPTION_NO_OPERATION
        at[length + 1], at[length + 2], at[length + 3] = TCP_OPTION_WINDOW_SCALE, 3, offer.scale
        length += 4
    return length


cdef uint32_t cookie_of(const uint64_t *secret, const Tuple *key, uint32_t sequence, uint32_t tick,
                        uint32_t size) noexcept nogil:
    cdef uint64_t words[4]
    cdef uint64_t hashed
    words[0], words[1] = load64(<const uint8_t *>key), load64(<const uint8_t *>key + 8)
    words[2], words[3] = <uint64_t>sequence << 8 | size, tick
    hashed = siphash_words(secret, words, 4)
    return (tick & 31) << 27 | size << 24 | <uint32_t>(hashed & 0xFFFFFF)


cdef uint32_t cookie_make(const uint64_t *secret, const Tuple *key, uint32_t sequence, uint16_t mss,
                          int64_t now) noexcept nogil:
    """The cookie for a client (its tuple, its SYN's sequence number); of its segment size what we can keep."""
    cdef uint32_t size = SIZES - 1
    while size and SEGMENT_SIZES[size] > mss:
        size -= 1
    return cookie_of(secret, key, sequence, <uint32_t>(now // (<int64_t>TICK * NANOSECONDS)), size)


cdef uint16_t cookie_check(const uint64_t *secret, const Tuple *key, uint32_t sequence, uint32_t cookie,
                           int64_t now) noexcept nogil:
    """The segment size in a cookie that we gave this client at most two minutes ago; else 0."""
    cdef uint32_t tick = <uint32_t>(now // (<int64_t>TICK * NANOSECONDS))
    cdef uint32_t age = (tick - (cookie >> 27)) & 31
    if age > OLDEST or cookie_of(secret, key, sequence, tick - age, cookie >> 24 & 7) != cookie:
        return 0
    return SEGMENT_SIZES[cookie >> 24 & 7]


cdef uint32_t stamp_make(const Offer *offer, int64_t now) noexcept nogil:
    """A timestamp, in milliseconds but for its low bits, which hold what the client's SYN offered."""
    return (<uint32_t>(now // 1000000) & ~<uint32_t>STAMP_OPTIONS) | offer.scale | (STAMP_SACK if offer.sack else 0)


cdef void stamp_read(uint32_t stamp, Offer *offer) noexcept nogil:
    """What the client's SYN offered, from the echo of our timestamp."""
    offer.scale, offer.sack = <uint8_t>(stamp & 15), stamp & STAMP_SACK != 0


cdef Tuple tuple_of(key):
    cdef Tuple made
    memset(&made, 0, sizeof(Tuple))
    made.protocol, made.source, made.source_port, made.destination, made.destination_port = key
    return made


def make_cookie(bytes secret, key, uint32_t sequence, uint16_t mss, int64_t now):
    """The cookie for a client, as the element makes it; the secret has sixteen bytes."""
    cdef Tuple wanted = tuple_of(key)
    cdef uint64_t words[2]
    memcpy(words, <const uint8_t *>secret, sizeof(words))
    return cookie_make(words, &wanted, sequence, mss, now)


def check_cookie(bytes secret, key, uint32_t sequence, uint32_t cookie, int64_t now):
    """The segment size in a cookie, 0 if it is not ours, or too old."""
    cdef Tuple wanted = tuple_of(key)
    cdef uint64_t words[2]
    memcpy(words, <const uint8_t *>secret, sizeof(words))
    return cookie_check(words, &wanted, sequence, cookie, now)
