"""A token bucket in whole numbers, exact however often it is looked at (Click's TokenBucket).

The level counts billionths of a token, so that a rate of R tokens a second adds R of them each nanosecond.
"""

from libc.stdint cimport int64_t, uint64_t


cdef enum:
    TOKEN = 1000000000


cdef struct TokenBucket:
    uint64_t rate       # tokens a second
    int64_t capacity    # billionths of a token
    int64_t level       # billionths of a token; below 0 while in debt
    int64_t filled      # when the level was brought up to date, nanoseconds; 0: at the next refill


cdef inline void bucket_assign(TokenBucket *bucket, uint64_t rate, int64_t capacity) noexcept nogil:
    """Fill at `rate` tokens a second up to `capacity` billionths."""
    bucket.rate = rate
    bucket.capacity = capacity
    bucket.level = min(bucket.level, capacity)


cdef inline void bucket_set(TokenBucket *bucket, int64_t level) noexcept nogil:
    """Let the level be this, from the next refill on."""
    bucket.level = min(level, bucket.capacity)
    bucket.filled = 0


cdef inline void bucket_refill(TokenBucket *bucket, int64_t now) noexcept nogil:
    """Add what has come in since the last time."""
    cdef int64_t passed = now - bucket.filled if bucket.filled else 0
    bucket.filled = now
    if passed <= 0 or bucket.rate == 0:
        return
    if <uint64_t>passed > <uint64_t>(bucket.capacity - bucket.level) // bucket.rate:
        bucket.level = bucket.capacity
    else:
        bucket.level += <int64_t>(passed * bucket.rate)


cdef inline int64_t bucket_when(TokenBucket *bucket, int64_t level) noexcept nogil:
    """When the level will have been reached (as of the last refill); -1: never."""
    if bucket.level >= level:
        return bucket.filled
    if bucket.rate == 0 or level > bucket.capacity:
        return -1
    return bucket.filled + <int64_t>((<uint64_t>(level - bucket.level) + bucket.rate - 1) // bucket.rate)
