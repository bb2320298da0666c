"""The nine-element IPv4 path fused by hand into one C loop: what `make bench` holds the graph against.

Source, classifier, strip, IP check, route, TTL, encapsulation, counter and discard, over the same buffers, with the
same checksum and route table code inlined, and nothing kept of a packet but its bytes.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from netos.checksum cimport checksum_ip, checksum_update16
from netos.packet cimport prefetch
from netos.proto.ipv4 cimport ip_destination, ip_header_length, ip_source, ip_total_length, ip_version
from netos.proto.routes_radix cimport RadixRoutes, RadixTrie, radix_lookup
from netos.wire cimport load_be16, store_be16


cdef enum:
    BUFFER = 2048
    HEADROOM_BYTES = 64
    AHEAD = 8


cdef struct Counts:
    uint64_t packets
    uint64_t bytes
    uint64_t dropped


cdef Counts fused_run(uint8_t *base, uint32_t buffers, const uint8_t *frame, uint32_t length, const uint8_t *ether,
                      const RadixTrie *trie, uint64_t packets) noexcept nogil:
    cdef Counts counts = Counts(0, 0, 0)
    cdef uint32_t at = 0, ahead = AHEAD % buffers, left, header, total
    cdef uint8_t *data
    cdef uint8_t *ip
    for _ in range(packets):
        data = base + <size_t>at * BUFFER + HEADROOM_BYTES
        prefetch(base + <size_t>ahead * BUFFER + HEADROOM_BYTES)
        at = 0 if at + 1 == buffers else at + 1
        ahead = 0 if ahead + 1 == buffers else ahead + 1
        memcpy(data, frame, length)
        if load_be16(data + 12) != 0x0800:
            counts.dropped += 1
            continue
        ip = data + 14
        left = length - 14
        header = ip_header_length(ip)
        total = ip_total_length(ip)
        if (left < 20 or ip_version(ip) != 4 or header < 20 or header > left or total > left or total < header
                or checksum_ip(ip, header) != 0 or ip_source(ip) == <uint32_t>0xffffffff
                or radix_lookup(trie, ip_destination(ip)) < 0 or ip[8] <= 1):
            counts.dropped += 1
            continue
        store_be16(ip + 10, checksum_update16(load_be16(ip + 10), load_be16(ip + 8), load_be16(ip + 8) - 256))
        ip[8] -= 1
        memcpy(data, ether, 14)
        counts.packets += 1
        counts.bytes += total + 14
    return counts


def run(uintptr_t base, uint32_t buffers, bytes frame not None, bytes ether not None, RadixRoutes routes not None,
        uint64_t packets):
    """Send frames through the loop, in `buffers` buffers of 2 KiB from address `base` on; return the counts."""
    cdef const uint8_t *frame_at = frame
    cdef const uint8_t *ether_at = ether
    cdef uint32_t length = <uint32_t>len(frame)
    cdef Counts counts
    with nogil:
        counts = fused_run(<uint8_t *>base, buffers, frame_at, length, ether_at, &routes.trie, packets)
    return counts.packets, counts.bytes, counts.dropped
