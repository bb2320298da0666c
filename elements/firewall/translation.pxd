"""What SourceNat and DestinationNat share; see translation.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from elements.firewall.conntrack cimport ConnTrack
from elements.firewall.tracking cimport Tracked
from netos.element cimport Element
from netos.packet cimport Descriptor
from netos.proto.flows cimport Connection, Flows, Tuple


cdef enum:
    TRIES = 256                 # ports looked at for one that is free


cdef struct Ports:              # a range to choose from, and one of identifiers of ICMP queries
    uint32_t first
    uint32_t last
    uint32_t first_identifier
    uint32_t last_identifier


cdef class Translator(Element):
    cdef ConnTrack tracker
    cdef int ends               # SOURCE_END or DESTINATION_END
    cdef readonly uint64_t count            # packets translated
    cdef readonly uint64_t mappings         # made
    cdef readonly uint64_t exhausted        # connections for which no port was free

    cdef bint begin(self, Flows *flows, Tracked *tracked, int64_t now) noexcept nogil
    cdef bint stray(self, const Tuple *key) noexcept nogil
    cdef bint one(self, Descriptor *packet, int64_t now) noexcept nogil


cdef bint map_source(Flows *flows, Connection *connection, uint32_t address, Ports ports, bint keep,
                     uint32_t *following, int64_t now) noexcept nogil
