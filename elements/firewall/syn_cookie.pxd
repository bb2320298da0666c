"""SYN cookies: what a SYN-ACK says so that nothing of the SYN needs to be remembered; see syn_cookie.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.proto.flows cimport Tuple


cdef enum:
    NO_SCALE = 15               # no window scale option


cdef struct Offer:              # the options of a segment that matter here
    uint16_t mss                # 0: none
    uint8_t scale               # NO_SCALE: none
    bint sack                   # permitted
    bint stamps                 # it has timestamps
    uint32_t stamp              # TSval
    uint32_t echo               # TSecr


cdef void offer_read(const uint8_t *tcp, uint32_t length, Offer *offer) noexcept nogil
cdef uint32_t offer_write(uint8_t *at, const Offer *offer) noexcept nogil
cdef uint32_t cookie_make(const uint64_t *secret, const Tuple *key, uint32_t sequence, uint16_t mss,
                          int64_t now) noexcept nogil
cdef uint16_t cookie_check(const uint64_t *secret, const Tuple *key, uint32_t sequence, uint32_t cookie,
                           int64_t now) noexcept nogil
cdef uint32_t stamp_make(const Offer *offer, int64_t now) noexcept nogil
cdef void stamp_read(uint32_t stamp, Offer *offer) noexcept nogil
