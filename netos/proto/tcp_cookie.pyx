"""SYN cookies: an initial sequence number that stands for a SYN which was not kept (RFC 4987 section 3.6).

The number has five bits of a clock of 64 s, three of a table of segment sizes, and 24 of a keyed hash over both ends,
the peer's sequence number, the size and the whole of the clock: a cookie is not good again when its five bits come
round. What else a SYN offers fits the low bits of our timestamp: four of
window scale (15: none), one of SACK, one of ECN; a peer without timestamps goes without.
"""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t, uint64_t

from netos.proto.tcp_block cimport Connection, Tcp, tcp_clock
from netos.proto.tcp_establish cimport Offer
from netos.proto.tcp_table cimport tuple_hash

cdef enum:
    SALT_COOKIE = 5
    SIZES = 8
    PERIODS = 2                 # how many of the clock's steps a cookie is good for
    OPTION_BITS = 6
    NO_SCALE = 15

cdef int64_t PERIOD = 64000000000
cdef uint16_t[SIZES] SIZE_TABLE = [88, 536, 1200, 1360, 1400, 1440, 1460, 8960]     # 88: the least that is ever sent


cdef uint32_t period(Tcp *tcp) noexcept nogil:
    """The clock, in 24 bits, which last for 34 years."""
    return <uint32_t>(tcp.host.now // PERIOD) & 0xFFFFFF


cdef uint32_t cookie_hash(Tcp *tcp, const Connection *connection, uint32_t irs, uint32_t made,
                          uint32_t size) noexcept nogil:
    cdef uint64_t salt = SALT_COOKIE | size << 5 | <uint64_t>made << 8 | <uint64_t>irs << 32
    return <uint32_t>tuple_hash(tcp, &connection.local, connection.local_port, &connection.remote,
                                connection.remote_port, salt) & 0xFFFFFF


cdef uint32_t cookie_age(Tcp *tcp, uint32_t cookie) noexcept nogil:
    """How many steps ago the clock showed the five bits of a cookie."""
    return (period(tcp) - (cookie >> 27)) & 31


cdef uint32_t cookie_make(Tcp *tcp, const Connection *connection, Offer *offer) noexcept nogil:
    """The initial sequence number to answer a SYN with; the offer is cut down to what the cookie can hold."""
    cdef uint32_t size = SIZES - 1, made = period(tcp)
    while size and SIZE_TABLE[size] > offer.mss:
        size -= 1
    offer.mss = min(offer.mss, SIZE_TABLE[size])
    if not offer.timestamps:
        offer.sack = offer.ecn = 0
        offer.window_scale = -1
    return made << 27 | size << 24 | cookie_hash(tcp, connection, offer.irs, made, size)


cdef uint32_t cookie_timestamp(Tcp *tcp, const Offer *offer, uint32_t offset) noexcept nogil:
    """Our timestamp for the SYN,ACK: the clock, never ahead of it, with the options in its low bits."""
    cdef uint32_t now = tcp_clock(tcp), value
    cdef uint32_t options = NO_SCALE if offer.window_scale < 0 else <uint32_t>offer.window_scale
    options |= (<uint32_t>offer.sack << 4) | (<uint32_t>offer.ecn << 5)
    value = (now & ~<uint32_t>((1 << OPTION_BITS) - 1)) | options
    if value > now:
        value -= 1 << OPTION_BITS
    return value + offset


cdef bint cookie_read(Tcp *tcp, const Connection *connection, uint32_t cookie, uint32_t irs,
                      Offer *offer) noexcept nogil:
    """Whether the cookie is one of ours, for these ends, and fresh; then what it says."""
    cdef uint32_t made = (period(tcp) - cookie_age(tcp, cookie)) & 0xFFFFFF, size = cookie >> 24 & 7
    if not cookie_may_be(tcp, cookie) or cookie_hash(tcp, connection, irs, made, size) != cookie & 0xFFFFFF:
        return 0
    offer.irs = irs
    offer.mss = SIZE_TABLE[size]
    offer.window_scale = -1
    offer.sack = offer.timestamps = offer.ecn = 0
    return 1


cdef bint cookie_may_be(Tcp *tcp, uint32_t cookie) noexcept nogil:
    """Whether it could be a fresh cookie, as far as can be told without the peer's first sequence number."""
    return cookie_age(tcp, cookie) < PERIODS


cdef void cookie_read_timestamp(uint32_t echo, uint32_t offset, Offer *offer) noexcept nogil:
    """The options that came back in the timestamp echo."""
    cdef uint32_t options = (echo - offset) & ((1 << OPTION_BITS) - 1)
    offer.timestamps = 1
    offer.window_scale = <int8_t>(options & 15) if (options & 15) != NO_SCALE else -1
    offer.sack = options >> 4 & 1
    offer.ecn = options >> 5 & 1
