"""Look-ups in a connection table as ConnTrack does them, and in rules as RuleSet does."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from elements.firewall.rule_tuples cimport NO_RULE, RuleTuples, Spaces
from netos.kernel.clock cimport clock_host
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport Reading, flow_prefetch, flow_prefetch_connection, flow_read, flow_track
from netos.proto.flows cimport FLOW_ESTABLISHED
from netos.wire cimport store_be32
from posix.time cimport CLOCK_MONOTONIC

cdef enum:
    BATCH = 256
    HEADER = 40


def track(FlowTable table not None, bytes packet not None, uint32_t flows, uint64_t packets, int64_t now):
    """Track packets of that many flows, which differ in the source address, in an order no cache foresees.

    Returns nanoseconds a packet, and how many belonged to a flow.
    """
    cdef uint8_t headers[BATCH][HEADER]
    cdef Reading readings[BATCH]
    cdef const uint8_t *template = packet
    cdef uint64_t done = 0, known = 0
    cdef uint32_t random = 12345
    cdef uint32_t i
    cdef int64_t start
    for i in range(BATCH):
        for byte in range(HEADER):
            headers[i][byte] = template[byte]
    with nogil:
        start = clock_host(CLOCK_MONOTONIC)
        while done < packets:
            for i in range(BATCH):
                random = random * 1664525 + 1013904223
                store_be32(&headers[i][12], 0x0A000000 + <uint32_t>(<uint64_t>random * flows >> 32))
                flow_read(&table.flows, headers[i], HEADER, &readings[i])
                flow_prefetch(&table.flows, &readings[i])
            for i in range(BATCH):
                flow_prefetch_connection(&table.flows, &readings[i])
            for i in range(BATCH):
                known += flow_track(&table.flows, headers[i], &readings[i], now) <= FLOW_ESTABLISHED
            done += BATCH
        start = clock_host(CLOCK_MONOTONIC) - start
    return <double>start / <double>done, known


def filter_packets(RuleTuples rules not None, list packets, uint64_t rounds):
    """Look packets (IPv4, header of 20 bytes) up in a rule set; nanoseconds a packet, and how many matched a rule."""
    cdef Spaces[4096] spaces
    cdef uint32_t i
    cdef uint32_t count = min(len(packets), 4096)
    cdef uint64_t done = 0, matched = 0
    cdef uint8_t annotations[48]
    cdef int64_t start
    for i in range(48):
        annotations[i] = 0
    for i in range(count):
        spaces[i].bases[0] = NULL
        spaces[i].lengths[0] = 0
        spaces[i].bases[1] = <const uint8_t *><bytes>packets[i]
        spaces[i].lengths[1] = len(packets[i])
        spaces[i].bases[2] = spaces[i].bases[1] + 20
        spaces[i].lengths[2] = len(packets[i]) - 20
        spaces[i].bases[3] = annotations
        spaces[i].lengths[3] = 48
    with nogil:
        start = clock_host(CLOCK_MONOTONIC)
        while done < rounds * count:
            for i in range(count):
                matched += rules.match(&spaces[i]) != <uint32_t>NO_RULE
            done += count
        start = clock_host(CLOCK_MONOTONIC) - start
    return <double>start / <double>done, matched / <double>done
