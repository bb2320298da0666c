"""The beginning of the last packet that each element dropped, by reason; kept only while somebody wants to know.

The samples lie in a table of fixed size; where two pairs of element and reason fall on the same place, the later wins.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_REALTIME

from netos.kernel.clock cimport clock_host
from netos.packet cimport NO_HEADER, Descriptor, packet_headroom

from netos.drophook import set_drop_hook
from netos.packet import DROP_NAMES

cdef enum:
    SAMPLE_BYTES = 128
    SAMPLES = 256               # a power of two


cdef struct Sample:
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
    sample.element = element
    sample.time = clock_host(CLOCK_REALTIME)
    sample.length = packet.length
    sample.marked = packet.network_header != NO_HEADER
    sample.network = packet.network_header - <int32_t>packet_headroom(packet)
    sample.reason = reason
    memcpy(sample.data, packet.data, min(packet.length, <uint32_t>SAMPLE_BYTES))


def sample_drops(bint on):
    """Keep samples from now on, or no more."""
    set_drop_hook(<size_t>&sample_drop, on)
    if not on:
        forget_samples()


def forget_samples():
    """Begin anew: the elements have changed."""
    memset(samples, 0, sizeof(samples))


def drop_samples(elements):
    """The samples of these elements: (element's name, reason, seconds since 1970, length, network header, bytes).

    The network header is an offset from the first byte, None when it was not marked or lies before the packet.
    """
    names = {<size_t><void *>element: element.name for element in elements}
    found = []
    for i in range(SAMPLES):
        sample = &samples[i]
        name = names.get(<size_t>sample.element) if sample.time else None
        if name is not None:
            found.append((name, DROP_NAMES[sample.reason], sample.time / 1e9, sample.length,
                          sample.network if sample.marked and sample.network >= 0 else None,
                          (<char *>sample.data)[:min(sample.length, <uint32_t>SAMPLE_BYTES)]))
    return found
