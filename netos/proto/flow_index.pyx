"""The hash index of connections: buckets of one cache line, chained by number where more than seven tags meet.

A bucket that is emptied is free for other chains; how many there can be is known beforehand. See flows.pxd for how a
tuple is looked up.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

from netos.proto.flows cimport BUCKET_SLOTS, Bucket, Flows, flow_bucket

assert sizeof(Bucket) == 64


cdef uint32_t overflow_capacity(const Flows *flows) noexcept nogil:
    """Every bucket of a chain but its last one is full, so this many are enough whatever the hash does."""
    return 2 * flows.capacity // BUCKET_SLOTS + 1


cdef size_t index_size(const Flows *flows) noexcept nogil:
    """Bytes of all buckets."""
    return (<size_t>flows.mask + 1 + overflow_capacity(flows)) * sizeof(Bucket)


cdef void index_add(Flows *flows, uint64_t hashed, uint32_t reference) noexcept nogil:
    cdef Bucket *bucket = flow_bucket(flows, hashed)
    cdef uint32_t number
    while bucket.used == BUCKET_SLOTS:
        if bucket.next == 0:
            number = flows.overflow_free
            if number:
                flows.overflow_free = flows.buckets[number - 1].next
            else:
                flows.overflow_touched += 1
                number = flows.mask + 1 + flows.overflow_touched
            flows.buckets[number - 1].next = 0
            flows.buckets[number - 1].used = 0
            bucket.next = number
        bucket = &flows.buckets[bucket.next - 1]
    bucket.tags[bucket.used] = <uint32_t>(hashed >> 32)
    bucket.references[bucket.used] = reference
    bucket.used += 1


cdef void index_remove(Flows *flows, uint64_t hashed, uint32_t reference) noexcept nogil:
    """Take a reference out; the last one of its chain fills the gap."""
    cdef Bucket *last = flow_bucket(flows, hashed)
    cdef Bucket *before = NULL
    cdef Bucket *found = NULL
    cdef uint32_t i, at = 0
    while True:
        if found == NULL:
            for i in range(last.used):
                if last.references[i] == reference:
                    found, at = last, i
                    break
        if last.next == 0:
            break
        before, last = last, &flows.buckets[last.next - 1]
    if found == NULL:
        return
    last.used -= 1
    found.tags[at] = last.tags[last.used]
    found.references[at] = last.references[last.used]
    if last.used == 0 and before != NULL:
        last.next = flows.overflow_free
        flows.overflow_free = before.next
        before.next = 0
