"""The beginning of the last packet that each element dropped, by reason; kept only while somebody wants to know.

The samples lie in a table of fixed size; where two pairs of element and reason fall on the same place, the later wins.
All virtual CPUs write there, and nobody waits: each place is a sequence lock (Lameter, Effective Synchronization on
Linux/NUMA Systems, 2005). Who finds another one writing lets it, and who reads does it again when something was written
meanwhile.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy
from posix.time cimport CLOCK_REALTIME

from netos.kernel.clock cimport clock_host
from netos.packet cimport NO_HEADER, Descriptor, packet_headroom

from netos.drophook import set_drop_hook
from netos.packet import DROP_NAMES

cdef extern from *:
    """
    /* odd while somebody writes; the fences keep what is written after the first and before the second change */
    static inline int netos_sample_begin(uint32_t *sequence) {
        uint32_t seen = __atomic_load_n(sequence, __ATOMIC_RELAXED);
        if (seen & 1)
            return 0;
        if (!__atomic_compare_exchange_n(sequence, &seen, seen + 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return 0;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        return 1;
    }
    static inline void netos_sample_end(uint32_t *sequence) {
        __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE);
    }
    static inline uint32_t netos_sample_before(uint32_t *sequence) {
        return __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
    }
    static inline uint32_t netos_sample_after(uint32_t *sequence) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        return __atomic_load_n(sequence, __ATOMIC_RELAXED);
    }
    """
    bint write_begin "netos_sample_begin"(uint32_t *sequence) noexcept nogil
    void write_end "netos_sample_end"(uint32_t *sequence) noexcept nogil
    uint32_t sequence_before "netos_sample_before"(uint32_t *sequence) noexcept nogil
    uint32_t sequence_after "netos_sample_after"(uint32_t *sequence) noexcept nogil

cdef enum:
    SAMPLE_BYTES = 128
    TRIES = 10000               # to read a place that is being written; each takes some nanoseconds
    SAMPLES = 256               # a power of two


cdef struct Sample:
    uint32_t sequence           # odd: being written
    void *element
    int64_t time                # nanoseconds since 1970, 0: nothing here
    uint32_t length             # of the packet
    int32_t network             # where its network header begins, from the first byte on
    int32_t reason
    bint marked                 # it has a network header
    uint8_t data[SAMPLE_BYTES]


cdef Sample samples[SAMPLES]


cdef void sample_drop(void *element, Descriptor *packet, int reason) noexcept nogil:
    cdef Sample *sample = &samples[((<size_t>element >> 6) * 31 + <size_t>reason) & (SAMPLES - 1)]
    if not write_begin(&sample.sequence):
        return
    sample.element = element
    sample.time = clock_host(CLOCK_REALTIME)
    sample.length = packet.length
    sample.marked = packet.network_header != NO_HEADER
    sample.network = packet.network_header - <int32_t>packet_headroom(packet)
    sample.reason = reason
    memcpy(sample.data, packet.data, min(packet.length, <uint32_t>SAMPLE_BYTES))
    write_end(&sample.sequence)


cdef bint sample_read(Sample *sample, Sample *into) noexcept nogil:
    """A whole sample; 0 if there is none, or somebody who writes it is in no hurry (its thread lost its processor)."""
    cdef uint32_t before, _tried
    for _tried in range(TRIES):
        before = sequence_before(&sample.sequence)
        if before & 1:
            continue
        memcpy(into, sample, sizeof(Sample))
        if sequence_after(&sample.sequence) == before:
            return into.time != 0
    return 0


def sample_drops(bint on):
    """Keep samples from now on, or no more."""
    set_drop_hook(<size_t>&sample_drop, on)
    if not on:
        forget_samples()


def forget_samples():
    """Begin anew: the elements have changed."""
    for i in range(SAMPLES):
        if write_begin(&samples[i].sequence):
            samples[i].time = 0
            write_end(&samples[i].sequence)


def drop_samples(elements):
    """The samples of these elements: (element's name, reason, seconds since 1970, length, network header, bytes).

    The network header is an offset from the first byte, None when it was not marked or lies before the packet.
    """
    cdef Sample sample
    names = {<size_t><void *>element: element.name for element in elements}
    found = []
    for i in range(SAMPLES):
        name = names.get(<size_t>sample.element) if sample_read(&samples[i], &sample) else None
        if name is not None:
            found.append((name, DROP_NAMES[sample.reason], sample.time / 1e9, sample.length,
                          sample.network if sample.marked and sample.network >= 0 else None,
                          (<char *>sample.data)[:min(sample.length, <uint32_t>SAMPLE_BYTES)]))
    return found
